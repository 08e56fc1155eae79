//! Where a claim is found: a JSON Pointer (RFC 6901), because claim names contain `:`, `.` and `/`.

use std::fmt;

use serde_json::{Map, Value};

use crate::SettingError;

/// A JSON Pointer into the claims, of object members only.
///
/// ```
/// use oauthgate_core::claims::ClaimPointer;
///
/// let roles = ClaimPointer::parse("/realm_access/roles")?;
/// let claims = serde_json::json!({"realm_access": {"roles": ["ops"]}});
/// assert_eq!(roles.find(claims.as_object().unwrap()).unwrap()[0], "ops");
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimPointer {
    first: String,
    rest: Vec<String>,
}

impl ClaimPointer {
    /// Parses a pointer.
    ///
    /// # Errors
    /// When it does not start with `/`, or holds a `~` that is neither `~0` nor `~1`.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let wrong = || {
            SettingError::new(
                "not a JSON Pointer (RFC 6901)",
                "a path into the claims, for example /realm_access/roles",
            )
        };
        let mut segments = text
            .strip_prefix('/')
            .ok_or_else(wrong)?
            .split('/')
            .map(unescape);
        let first = segments.next().flatten().ok_or_else(wrong)?;
        let rest = segments.collect::<Option<_>>().ok_or_else(wrong)?;
        Ok(Self { first, rest })
    }

    /// The pointer to a claim at the top level, whatever its name.
    #[must_use]
    pub fn claim(name: impl Into<String>) -> Self {
        Self {
            first: name.into(),
            rest: Vec::new(),
        }
    }

    /// The value it points to.
    #[must_use]
    pub fn find<'claims>(&self, claims: &'claims Map<String, Value>) -> Option<&'claims Value> {
        self.rest
            .iter()
            .try_fold(claims.get(&self.first)?, |value, name| {
                value.as_object()?.get(name)
            })
    }
}

/// `~1` is `/` and `~0` is `~`; nothing else may follow a `~`.
fn unescape(segment: &str) -> Option<String> {
    let mut plain = String::with_capacity(segment.len());
    let mut characters = segment.chars();
    while let Some(c) = characters.next() {
        plain.push(match c {
            '~' => match characters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

impl fmt::Display for ClaimPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in std::iter::once(&self.first).chain(&self.rest) {
            write!(f, "/{}", segment.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}
