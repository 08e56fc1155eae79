//! Mistakes in a configuration, all of them at once.

use std::fmt;

use oauthgate_core::SettingError;

/// One mistake: which setting, its value without the credentials of a URL, what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The setting's name as the user wrote it, for example `OAUTH_AUDIENCE`.
    pub setting: String,
    /// The value found, without the credentials of a URL; `None` when missing.
    pub value: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub expected: String,
}

impl Mistake {
    /// A setting whose value cannot be used. The value is shown, less the credentials that a URL may
    /// carry: redact any other secret before.
    #[must_use]
    pub fn new(setting: impl Into<String>, value: Option<&str>, error: SettingError) -> Self {
        Self {
            setting: setting.into(),
            value: value.map(without_user_info),
            problem: error.problem,
            expected: error.expected,
        }
    }
}

/// `https://user:password@host` → `https://[redacted]@host`. A password that was not encoded may hold
/// any delimiter, so all is hidden from the first scheme to the last `@`.
fn without_user_info(text: &str) -> String {
    match text
        .split_once(':')
        .map(|(scheme, rest)| (scheme, rest.rsplit_once('@')))
    {
        Some((scheme, Some((hidden, host)))) => {
            let slashes = if hidden.starts_with(['/', '\\']) {
                "//"
            } else {
                ""
            };
            format!("{scheme}:{slashes}[redacted]@{host}")
        }
        _ => text.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> String {
        let mistake = Mistake::new("X", Some(value), SettingError::new("wrong", "right"));
        let error = ConfigurationError {
            mistakes: vec![mistake],
        };
        format!("{error} {error:?}")
    }

    #[test]
    fn h2_a_mistake_shows_no_password_of_a_url() {
        for value in [
            "https://user:s3cret@auth.example.com",
            "https://user:s3cret@pw@auth.example.com",
            "https://user:pw/s3cret#@auth.example.com",
            "https://user:s3cret, pw@auth.example.com",
            "https://a.example, https://user:s3cret@auth.example.com",
            "https://s3cret@auth.example.com",
            "https:\\\\user:s3cret@auth.example.com",
            "user:s3cret@auth.example.com",
        ] {
            let shown = shown(value);
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(
                shown.contains(":[redacted]@auth.example.com")
                    || shown.contains("//[redacted]@auth.example.com"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_mistake_shows_everything_else_as_it_was_written() {
        for value in [
            "https://auth.example.com/a",
            "us-east-1_Ab12@evil.test",
            "",
            ":",
            "ö:",
        ] {
            assert!(shown(value).contains(&format!("{value:?}")), "{value}");
        }
    }
}
