//! What an endpoint or a tool asks of its caller.

use std::collections::BTreeSet;

use crate::{Denial, Permit, Reason, ScopeSet, UserContext, text::Printable};

/// What an operation needs. The default needs a good token and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement {
    scopes: ScopeSet,
    tenants: Option<BTreeSet<String>>,
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
        Self {
            scopes,
            tenants: None,
        }
    }

    /// Only callers of these tenants (rule R28); of every tenant, or of none, by default.
    #[must_use]
    pub fn in_tenants(mut self, tenants: impl IntoIterator<Item = String>) -> Self {
        self.tenants = Some(tenants.into_iter().collect());
        self
    }

    /// This and another requirement together: what one challenge must name (RFC 6750 §3.1, MCP step-up).
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let tenants = match (&self.tenants, &other.tenants) {
            (Some(ours), Some(theirs)) => Some(ours & theirs),
            (ours, theirs) => ours.as_ref().or(theirs.as_ref()).cloned(),
        };
        Self {
            scopes: self.scopes.union(&other.scopes),
            tenants,
        }
    }

    /// The scopes needed.
    #[must_use]
    pub fn needed_scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// Decides for this caller. The tenant comes first: no scope helps a caller of another one.
    ///
    /// # Errors
    /// [`Reason::WrongTenant`]; [`Reason::InsufficientScope`], naming all scopes of the operation,
    /// when one is missing.
    pub fn decide(&self, user: &UserContext) -> Result<Permit, Denial> {
        if !self.admits_tenant(user.tenant_id()) {
            let tenant = user.tenant_id().unwrap_or("none");
            let detail = format!("the tenant is {}", Printable(tenant));
            return Err(Denial::new(Reason::WrongTenant).with_detail(detail));
        }
        if !user.scopes().includes(&self.scopes) {
            let held = user.scopes().to_string();
            let detail = format!("needs \"{}\", holds \"{}\"", self.scopes, Printable(&held));
            let denial = Denial::new(Reason::InsufficientScope).with_detail(detail);
            return Err(denial.with_scopes(self.scopes.clone()));
        }
        Ok(Permit::grant(self))
    }

    fn admits_tenant(&self, tenant: Option<&str>) -> bool {
        self.tenants
            .as_ref()
            .is_none_or(|tenants| tenant.is_some_and(|tenant| tenants.contains(tenant)))
    }
}
