//! What an endpoint or a tool asks of its caller.

use crate::{Denial, Permit, Reason, ScopeSet, UserContext, text::Printable};

/// What an operation needs. The default needs a good token and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement {
    scopes: ScopeSet,
}

impl Requirement {
    /// A good token and nothing else.
    #[must_use]
    pub fn authenticated() -> Self {
        Self::default()
    }

    /// A good token that carries *all* of these scopes.
    #[must_use]
    pub fn scopes(scopes: ScopeSet) -> Self {
        Self { scopes }
    }

    /// This and another requirement together: what one challenge must name (RFC 6750 §3.1, MCP step-up).
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            scopes: self.scopes.union(&other.scopes),
        }
    }

    /// The scopes needed.
    #[must_use]
    pub fn needed_scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// Decides for this caller.
    ///
    /// # Errors
    /// [`Reason::InsufficientScope`], naming all scopes of the operation, when one is missing.
    pub fn decide(&self, user: &UserContext) -> Result<Permit, Denial> {
        if user.scopes().includes(&self.scopes) {
            return Ok(Permit::grant(self));
        }
        let held = user.scopes().to_string();
        let detail = format!("needs \"{}\", holds \"{}\"", self.scopes, Printable(&held));
        Err(Denial::new(Reason::InsufficientScope)
            .with_scopes(self.scopes.clone())
            .with_detail(detail))
    }
}
