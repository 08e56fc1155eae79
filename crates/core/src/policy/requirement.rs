//! What an endpoint or a tool asks of its caller.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ClaimDemand;
use crate::{
    Caller, Denial, Permit, Reason, ScopeHierarchy, ScopeSet, SettingError, UserContext,
    claims::ClaimPointer, text::Printable,
};

/// What an operation needs. The default needs a good token and nothing else.
///
/// ```
/// use oauthgate_core::{Caller, Requirement, ScopeSet};
///
/// let requirement = Requirement::scopes(ScopeSet::parse("files:write")?)
///     .with_roles(["editor".to_owned(), "admin".to_owned()]);
/// let caller = Caller::hypothetical().with_roles(["editor".to_owned()]);
/// let shortfall = requirement.examine(&caller).unwrap_err();
/// assert_eq!(shortfall.missing.to_string(), "files:write");
/// assert_eq!(shortfall.refusal, None);
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement {
    scopes: ScopeSet,
    tenants: Option<BTreeSet<String>>,
    tiers: Option<BTreeSet<String>>,
    /// Of each of these sets one role.
    roles: Vec<BTreeSet<String>>,
    claims: Vec<ClaimDemand>,
    hierarchy: ScopeHierarchy,
}

/// What a caller lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// The scopes that would have to be granted, reduced by the hierarchy.
    pub missing: ScopeSet,
    /// What no scope helps against, and a word about it for the operator.
    pub refusal: Option<(Reason, String)>,
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
            ..Self::default()
        }
    }

    /// Only callers of these tenants (rule R28); of every tenant, or of none, by default.
    #[must_use]
    pub fn in_tenants(mut self, tenants: impl IntoIterator<Item = String>) -> Self {
        self.tenants = Some(tenants.into_iter().collect());
        self
    }

    /// Only callers of these tiers ([`UserContext::tier`]).
    #[must_use]
    pub fn in_tiers(mut self, tiers: impl IntoIterator<Item = String>) -> Self {
        self.tiers = Some(tiers.into_iter().collect());
        self
    }

    /// Only callers with one of these roles ([`UserContext::groups`]); said twice, with one of each.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = String>) -> Self {
        self.roles.push(roles.into_iter().collect());
        self
    }

    /// Only callers whose token has this claim with one of these values, or as an array with one of them
    /// in it. Numbers compare as numbers, strings byte for byte.
    ///
    /// # Errors
    /// When there is no value, or one that is no string, number or truth value.
    pub fn with_claim(
        mut self,
        claim: ClaimPointer,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Self, SettingError> {
        let values = values.into_iter().collect();
        self.claims.push(ClaimDemand::new(claim, values)?);
        Ok(self)
    }

    /// The same with a hierarchy: a scope is held when one that implies it is.
    #[must_use]
    pub fn under(mut self, hierarchy: ScopeHierarchy) -> Self {
        self.hierarchy = hierarchy;
        self
    }

    /// This and another requirement together: what one challenge must name (RFC 6750 §3.1, MCP step-up).
    /// The hierarchy is this one's, or the other's where this has none.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let hierarchy = match self.hierarchy.is_empty() {
            true => &other.hierarchy,
            false => &self.hierarchy,
        };
        Self {
            scopes: self.scopes.union(&other.scopes),
            tenants: both(self.tenants.as_ref(), other.tenants.as_ref()),
            tiers: both(self.tiers.as_ref(), other.tiers.as_ref()),
            roles: joined(&self.roles, &other.roles),
            claims: joined(&self.claims, &other.claims),
            hierarchy: hierarchy.clone(),
        }
    }

    /// The scopes needed.
    #[must_use]
    pub fn needed_scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// Which scopes imply which, where it decides.
    #[must_use]
    pub fn hierarchy(&self) -> &ScopeHierarchy {
        &self.hierarchy
    }

    /// Whether every good token will do.
    #[must_use]
    pub fn demands_nothing(&self) -> bool {
        self.scopes.is_empty() && self.is_about_scopes_only()
    }

    /// Whether nothing but scopes is asked for, so that whoever gets them meets it.
    #[must_use]
    pub fn is_about_scopes_only(&self) -> bool {
        self.tenants.is_none()
            && self.tiers.is_none()
            && self.roles.is_empty()
            && self.claims.is_empty()
    }

    /// Whether the caller has all of it. Nothing is allocated.
    #[must_use]
    pub fn is_met_by(&self, caller: &Caller<'_>) -> bool {
        admits(self.tenants.as_ref(), caller.tenant())
            && admits(self.tiers.as_ref(), Some(caller.tier()))
            && self
                .roles
                .iter()
                .all(|roles| has_one_of(caller.roles(), roles))
            && self.claims.iter().all(|claim| claim.is_met(caller))
            && self.holds_scopes(caller)
    }

    /// What of it the caller lacks.
    ///
    /// # Errors
    /// What is lacking.
    pub fn examine(&self, caller: &Caller<'_>) -> Result<(), Shortfall> {
        if self.is_met_by(caller) {
            return Ok(());
        }
        Err(Shortfall {
            missing: self.hierarchy.missing(caller.scopes(), &self.scopes),
            refusal: self.refusal(caller),
        })
    }

    /// Whether this describes the caller, or could: what cannot be known counts as met. A rule that
    /// refuses those it describes asks this. Scopes have no say in it.
    #[must_use]
    pub fn could_describe(&self, caller: &Caller<'_>) -> bool {
        admits(self.tenants.as_ref(), caller.tenant())
            && admits(self.tiers.as_ref(), Some(caller.tier()))
            && self.roles.iter().all(|roles| {
                caller.has_more_roles_than_named() || has_one_of(caller.roles(), roles)
            })
            && self.claims.iter().all(|claim| claim.could_be_met(caller))
    }

    /// Decides for this caller. The tenant comes first: no scope helps a caller of another one.
    ///
    /// # Errors
    /// [`Reason::WrongTenant`]; [`Reason::PolicyRefused`] for the tier, a role or a claim;
    /// [`Reason::InsufficientScope`], naming all scopes of the operation, when one is missing.
    pub fn decide(&self, user: &UserContext) -> Result<Permit, Denial> {
        self.would_decide(&Caller::from(user))
            .map(|()| Permit::grant(self))
    }

    /// What [`Self::decide`] would say to such a caller, who gets no [`Permit`] for it.
    ///
    /// # Errors
    /// As [`Self::decide`].
    pub fn would_decide(&self, caller: &Caller<'_>) -> Result<(), Denial> {
        self.examine(caller)
            .map_err(|shortfall| self.denial(shortfall, caller.scopes()))
    }

    fn denial(&self, shortfall: Shortfall, held: &ScopeSet) -> Denial {
        if let Some((reason, detail)) = shortfall.refusal {
            return Denial::new(reason).with_detail(detail);
        }
        let held = held.to_string();
        let detail = format!("needs \"{}\", holds \"{}\"", self.scopes, Printable(&held));
        Denial::new(Reason::InsufficientScope)
            .with_detail(detail)
            .with_scopes(self.hierarchy.reduced(&self.scopes))
    }

    fn holds_scopes(&self, caller: &Caller<'_>) -> bool {
        let held = caller.scopes();
        held.includes(&self.scopes)
            || (!self.hierarchy.is_empty()
                && self
                    .scopes
                    .iter()
                    .all(|scope| self.hierarchy.satisfies(held, scope)))
    }

    /// The first thing that no scope helps against.
    fn refusal(&self, caller: &Caller<'_>) -> Option<(Reason, String)> {
        if !admits(self.tenants.as_ref(), caller.tenant()) {
            let tenant = caller.tenant().unwrap_or("none");
            let detail = format!("the tenant is {}", Printable(tenant));
            return Some((Reason::WrongTenant, detail));
        }
        let detail = self.unmet_tier(caller);
        let detail = detail.or_else(|| self.unmet_role(caller));
        let detail = detail.or_else(|| self.unmet_claim(caller));
        detail.map(|detail| (Reason::PolicyRefused, detail))
    }

    fn unmet_tier(&self, caller: &Caller<'_>) -> Option<String> {
        let tiers = self.tiers.as_ref()?;
        let is_met = tiers.contains(caller.tier());
        (!is_met).then(|| {
            let tier = Printable(caller.tier());
            format!("the tier is {tier}, and must be {}", listed(tiers))
        })
    }

    fn unmet_role(&self, caller: &Caller<'_>) -> Option<String> {
        let mut roles = self.roles.iter();
        let unmet = roles.find(|roles| !has_one_of(caller.roles(), roles))?;
        let cut = match caller.has_more_roles_than_named() {
            true => "; the token does not name all roles of the caller",
            false => "",
        };
        Some(format!("needs the role {}{cut}", listed(unmet)))
    }

    fn unmet_claim(&self, caller: &Caller<'_>) -> Option<String> {
        let mut claims = self.claims.iter();
        let unmet = claims.find(|claim| !claim.is_met(caller))?;
        let values: Vec<_> = unmet.values().iter().map(Value::to_string).collect();
        Some(format!(
            "the claim {} must be {}",
            Printable(&unmet.claim().to_string()),
            Printable(&values.join(" or "))
        ))
    }
}

/// Where both name values, those that both name.
fn both(
    one: Option<&BTreeSet<String>>,
    other: Option<&BTreeSet<String>>,
) -> Option<BTreeSet<String>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one & other),
        (one, other) => one.or(other).cloned(),
    }
}

/// Both lists, without what they say twice.
fn joined<T: Clone + PartialEq>(one: &[T], other: &[T]) -> Vec<T> {
    let new = other.iter().filter(|item| !one.contains(item));
    one.iter().chain(new).cloned().collect()
}

fn admits(listed: Option<&BTreeSet<String>>, value: Option<&str>) -> bool {
    listed.is_none_or(|listed| value.is_some_and(|value| listed.contains(value)))
}

fn has_one_of(roles: &[String], wanted: &BTreeSet<String>) -> bool {
    roles.iter().any(|role| wanted.contains(role))
}

/// `editor or admin`, fit for a log line.
fn listed(values: &BTreeSet<String>) -> String {
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    Printable(&values.join(" or ")).to_string()
}
