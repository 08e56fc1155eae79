//! Scopes (RFC 6749 §3.3): exact, case-sensitive members of a set.

use std::{collections::BTreeSet, fmt};

use crate::error::SettingError;

/// One scope token: `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(String);

impl Scope {
    /// A scope, as configured or as found in a token.
    ///
    /// # Errors
    /// When a character is outside the grammar; such a scope could break out of a quoted challenge.
    pub fn new(text: impl Into<String>) -> Result<Self, SettingError> {
        let text = text.into();
        let legal = |b: u8| b == 0x21 || (0x23..=0x5b).contains(&b) || (0x5d..=0x7e).contains(&b);
        if text.is_empty() || !text.bytes().all(legal) {
            return Err(SettingError::new(
                "a scope holds a character outside RFC 6749 §3.3",
                "printable ASCII without blank, quote and backslash, for example tools:read",
            ));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of scopes, in a stable order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// No scope at all.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Scopes separated by single blanks or commas, as in a setting.
    ///
    /// # Errors
    /// The first scope that [`Scope::new`] refuses.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        text.split([' ', ','])
            .filter(|part| !part.is_empty())
            .map(Scope::new)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the set holds this very scope.
    #[must_use]
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    /// Whether every scope of `other` is held.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// Both sets together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// Whether there is no scope.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The scopes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// Space-separated, as RFC 6749 §3.3 writes it.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}
