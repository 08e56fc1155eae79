//! Mistakes in a configuration, all of them at once.

use std::fmt;

use oauthgate_core::SettingError;

/// One mistake: which setting, its value (redacted where secret), what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The setting's name as the user wrote it, for example `OAUTH_AUDIENCE`.
    pub setting: String,
    /// The value found, redacted where secret, `None` when missing.
    pub value: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub expected: String,
}

impl Mistake {
    /// A setting whose value cannot be used. The value is shown: redact a secret before.
    #[must_use]
    pub fn new(setting: impl Into<String>, value: Option<&str>, error: SettingError) -> Self {
        Self {
            setting: setting.into(),
            value: value.map(str::to_owned),
            problem: error.problem,
            expected: error.expected,
        }
    }
}

/// Every mistake of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationError {
    /// The mistakes, in the order of the documentation; never empty.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} mistake(s) in the configuration", self.mistakes.len())?;
        for mistake in &self.mistakes {
            write!(f, "\n  {}", mistake.setting)?;
            if let Some(value) = &mistake.value {
                write!(f, " = {value:?}")?;
            }
            write!(f, ": {}\n    write: {}", mistake.problem, mistake.expected)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigurationError {}
