//! Which values of the header's `typ` an access token may have (rule R15).

use std::fmt;

use crate::{SettingError, token::without_application_prefix};

/// Kinds of token that are never access tokens, whatever a setting says: each is signed with the same
/// keys for another purpose (RFC 8725 §3.11).
const NEVER: [&str; 5] = [
    "dpop+jwt",
    "logout+jwt",
    "secevent+jwt",
    "token-introspection+jwt",
    "kb+jwt",
];

/// How a list says that a token without `typ` is one.
const ABSENT: &str = "absent";

/// Which values of the header's `typ` an access token may have: an allow-list, so that `logout+jwt`,
/// `dpop+jwt` and whatever comes next are out.
///
/// ```
/// use oauthgate_core::context::TokenTypes;
///
/// let types = TokenTypes::parse("absent JWT")?;
/// assert!(types.allow(None) && types.allow(Some("application/jwt")) && !types.allow(Some("at+jwt")));
/// assert_eq!(types.to_string(), "absent JWT");
/// assert!(TokenTypes::parse("JWT logout+jwt").is_err());
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTypes {
    absent: bool,
    names: Vec<String>,
}

impl TokenTypes {
    /// Absent, `JWT` or `at+jwt`: the common habits.
    #[must_use]
    pub fn common() -> Self {
        Self::known(true, &["JWT", "at+jwt"])
    }

    /// `at+jwt` only (RFC 9068 §4).
    #[must_use]
    pub fn access_token_only() -> Self {
        Self::known(false, &["at+jwt"])
    }

    /// Absent or `JWT`: a provider that never writes `at+jwt`.
    #[must_use]
    pub fn untyped() -> Self {
        Self::known(true, &["JWT"])
    }

    /// No `typ` at all.
    #[must_use]
    pub fn absent_only() -> Self {
        Self::known(true, &[])
    }

    fn known(absent: bool, names: &[&str]) -> Self {
        Self {
            absent,
            names: names.iter().copied().map(str::to_owned).collect(),
        }
    }

    /// Reads a list with blanks or commas between: `absent`, and values of `typ` with or without
    /// `application/` in front.
    ///
    /// # Errors
    /// When it is empty, or names a kind of token that is never an access token.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let mut types = Self::known(false, &[]);
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            if word == ABSENT {
                types.absent = true;
            } else {
                types.names.push(checked(word)?.to_owned());
            }
        }
        if types.allow_nothing() {
            return Err(wrong("no kind of token is allowed"));
        }
        Ok(types)
    }

    /// Whether a token without `typ` is allowed.
    #[must_use]
    pub fn allow_absent(&self) -> bool {
        self.absent
    }

    /// The values that are allowed, without `application/` in front.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether this `typ` is allowed; the case does not count, nor does `application/` before it.
    #[must_use]
    pub fn allow(&self, token_type: Option<&str>) -> bool {
        let Some(token_type) = token_type.map(without_application_prefix) else {
            return self.absent;
        };
        self.names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(token_type))
    }

    fn allow_nothing(&self) -> bool {
        !self.absent && self.names.is_empty()
    }
}

fn checked(word: &str) -> Result<&str, SettingError> {
    let name = without_application_prefix(word);
    if NEVER.iter().any(|never| never.eq_ignore_ascii_case(name)) {
        return Err(wrong(format!("`{name}` is never an access token")));
    }
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_name || name.contains('/') {
        return Err(wrong("no value of `typ`"));
    }
    Ok(name)
}

fn wrong(problem: impl Into<String>) -> SettingError {
    SettingError::new(
        problem,
        "`absent` and values of the header's `typ`, for example absent JWT at+jwt",
    )
}

impl fmt::Display for TokenTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let absent = self.absent.then_some(ABSENT);
        let words: Vec<_> = absent
            .into_iter()
            .chain(self.names.iter().map(String::as_str))
            .collect();
        f.write_str(&words.join(" "))
    }
}
