//! What a decision looks at of its caller.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{Profile, ScopeSet, TokenError, UserContext, claims::Claims, context::mapping};

/// What a decision looks at of its caller, and nothing else of it.
///
/// It is made out of a [`UserContext`], or for questions such as *could somebody with these scopes do
/// that*: a hypothetical caller never becomes a [`UserContext`], and no [`crate::Permit`] is given to it.
///
/// ```
/// use oauthgate_core::{Requirement, ScopeSet, policy::Caller};
///
/// let requirement = Requirement::scopes(ScopeSet::parse("files:read")?).in_tiers(["pro".to_owned()]);
/// let caller = Caller::hypothetical().with_scopes(ScopeSet::parse("files:read")?);
/// assert!(requirement.examine(&caller).is_err());
/// assert!(requirement.examine(&caller.in_tier("pro")).is_ok());
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Clone)]
pub struct Caller<'user> {
    scopes: Cow<'user, ScopeSet>,
    roles: Cow<'user, [String]>,
    has_more_roles: bool,
    tier: Cow<'user, str>,
    tenant: Option<Cow<'user, str>>,
    claims: Cow<'user, Map<String, Value>>,
}

impl Caller<'static> {
    /// Somebody without scopes, roles, tenant or claims, and of the tier `free`, as of a token that names none.
    #[must_use]
    pub fn hypothetical() -> Self {
        Self {
            scopes: Cow::Owned(ScopeSet::empty()),
            roles: Cow::Borrowed(&[]),
            has_more_roles: false,
            tier: Cow::Borrowed("free"),
            tenant: None,
            claims: Cow::Owned(Map::new()),
        }
    }

    /// Somebody whose token says this, read by the rules of this profile. Nobody has checked that it is true:
    /// good for asking what a policy would say, and for nothing else.
    ///
    /// # Errors
    /// Claims that name a right in a way that the profile refuses.
    pub fn claimed(claims: &Claims, profile: &Profile) -> Result<Self, TokenError> {
        mapping::hypothetical(claims, profile)
    }

    /// The same caller with these scopes.
    #[must_use]
    pub fn with_scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = Cow::Owned(scopes);
        self
    }

    /// The same caller with these roles (groups).
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = String>) -> Self {
        self.roles = Cow::Owned(roles.into_iter().collect());
        self
    }

    /// The same caller with more roles than its token names ([`UserContext::groups_truncated`]).
    #[must_use]
    pub fn with_more_roles_than_named(mut self) -> Self {
        self.has_more_roles = true;
        self
    }

    /// The same caller in this tier.
    #[must_use]
    pub fn in_tier(mut self, tier: impl Into<String>) -> Self {
        self.tier = Cow::Owned(tier.into());
        self
    }

    /// The same caller in this tenant.
    #[must_use]
    pub fn in_tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(Cow::Owned(tenant.into()));
        self
    }

    /// The same caller with these claims. They speak for themselves only: no scope, role, tier or tenant
    /// is read out of them.
    #[must_use]
    pub fn with_claims(mut self, claims: Map<String, Value>) -> Self {
        self.claims = Cow::Owned(claims);
        self
    }
}

impl Caller<'_> {
    /// The scopes granted.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// The roles (groups) that are named.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// Whether the caller has more roles than are named; who is not in a list that is cut may still have one.
    #[must_use]
    pub fn has_more_roles_than_named(&self) -> bool {
        self.has_more_roles
    }

    /// The tier.
    #[must_use]
    pub fn tier(&self) -> &str {
        &self.tier
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// The token's claims.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

impl<'user> From<&'user UserContext> for Caller<'user> {
    fn from(user: &'user UserContext) -> Self {
        Self {
            scopes: Cow::Borrowed(user.scopes()),
            roles: Cow::Borrowed(user.groups()),
            has_more_roles: user.groups_truncated(),
            tier: Cow::Borrowed(user.tier()),
            tenant: user.tenant_id().map(Cow::Borrowed),
            claims: Cow::Borrowed(user.claims()),
        }
    }
}

/// Without the claims, which say more of a person than any log should.
impl std::fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("scopes", &self.scopes)
            .field("roles", &self.roles)
            .field("has_more_roles", &self.has_more_roles)
            .field("tier", &self.tier)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
