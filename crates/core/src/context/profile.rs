//! How one provider writes its access tokens, as data (rules R15–R20, R24–R27).

use super::{
    ClaimRequirement, ClientAudience, GroupForm, IntrospectionForm, MachineSign, Preset,
    RequiredClaim, ScopePlaces, TokenMode, TokenTypes,
};
use crate::{Issuer, claims::ClaimPointer};

/// How one provider writes its access tokens. Data only: the checks read it, nothing branches on a
/// provider's name. Each value is written by `Display` as the setting that stands for it, and read
/// from it by `parse`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The profile's name.
    pub name: &'static str,
    /// Whether its tokens are JWTs, are asked about, or are both.
    pub token_mode: TokenMode,
    /// Which kinds of token, by `typ`, are access tokens (rule R15).
    pub token_types: TokenTypes,
    /// Claims that must have one of these values: they tell access tokens from ID and refresh tokens (R16).
    pub required_claims: Vec<RequiredClaim>,
    /// Groups of claims: an access token carries one at least of each group, whatever its value (R16).
    pub one_required: Vec<Vec<ClaimPointer>>,
    /// Where the audience is, `/aud` by default. Another claim names the client, and the expected
    /// audiences are then a list of clients (R19).
    pub audience_claim: ClaimPointer,
    /// How a token's client and its audience belong together (R17, R19).
    pub client_audience: ClientAudience,
    /// Where the scopes are (R24).
    pub scopes: Vec<ClaimPointer>,
    /// Whether the first of these places counts, or all of them.
    pub scope_places: ScopePlaces,
    /// What is cut from the front of each scope, where the provider writes its own name there.
    pub scope_prefix: Option<String>,
    /// Where a user's id is; the first claim that is present counts (R26).
    pub user: Vec<ClaimPointer>,
    /// Where the client's id is.
    pub client: Vec<ClaimPointer>,
    /// Where the tenant is.
    pub tenant: Vec<ClaimPointer>,
    /// Where groups or roles are: those of all places together, and none when no place is named.
    pub groups: Vec<ClaimPointer>,
    /// How groups are written there.
    pub group_form: GroupForm,
    /// Where the e-mail address is. That of a claim `email` is verified if the sibling `email_verified` says so (R29).
    pub email: Vec<ClaimPointer>,
    /// Where the tier is.
    pub tier: Vec<ClaimPointer>,
    /// Audiences that the provider writes for itself: expecting one of them would open this service to
    /// every token it ever issued (R21).
    pub foreign_audiences: Vec<String>,
    /// Audiences that the provider writes into the tokens of all its clients: they may be expected only
    /// beside a list of allowed clients (R19).
    pub shared_audiences: Vec<String>,
    /// Signs of a token that a program got for itself, beside a missing or client-equal `sub` (R27).
    pub machine_signs: Vec<MachineSign>,
    /// How this issuer's opaque tokens start, where several issuers of a resource have some.
    pub opaque_prefixes: Vec<String>,
    /// How the issuer is asked about an opaque token.
    pub introspection_form: IntrospectionForm,
}

impl Profile {
    /// A provider that follows RFC 9068 or the common habits.
    #[must_use]
    pub fn generic() -> Self {
        Self {
            name: "generic",
            token_mode: TokenMode::Jwt,
            token_types: TokenTypes::common(),
            required_claims: Vec::new(),
            one_required: Vec::new(),
            audience_claim: ClaimPointer::claim("aud"),
            client_audience: ClientAudience::Unexpected,
            scopes: claims(&["scope", "scp", "scopes"]),
            scope_places: ScopePlaces::First,
            scope_prefix: None,
            user: claims(&["sub"]),
            client: claims(&["client_id", "azp", "cid", "appid"]),
            tenant: claims(&["tenant_id"]),
            groups: Vec::new(),
            group_form: GroupForm::Values,
            email: claims(&["email"]),
            tier: claims(&["tier"]),
            foreign_audiences: Vec::new(),
            shared_audiences: Vec::new(),
            machine_signs: Vec::new(),
            opaque_prefixes: Vec::new(),
            introspection_form: IntrospectionForm::Rfc7662,
        }
    }

    /// The profile that fits an issuer by its address; [`Self::generic`] when none is known to.
    ///
    /// ```
    /// use oauthgate_core::{Issuer, Profile};
    ///
    /// let pool = Issuer::new("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E")?;
    /// assert_eq!(Profile::for_issuer(&pool).name(), "cognito");
    /// # Ok::<(), oauthgate_core::SettingError>(())
    /// ```
    #[must_use]
    pub fn for_issuer(issuer: &Issuer) -> Self {
        Preset::for_issuer(issuer).map_or_else(Self::generic, Preset::profile)
    }

    /// The profile with this name, as a setting names it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Preset::named(name).map(Preset::profile)
    }

    /// The profile's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Takes only tokens that say of themselves that they are access tokens (`typ` = `at+jwt`, RFC 9068).
    #[must_use]
    pub fn requiring_at_jwt(mut self) -> Self {
        self.token_types = TokenTypes::access_token_only();
        self
    }

    /// Adds a claim that must have one of these values.
    #[must_use]
    pub fn requiring<const N: usize>(mut self, claim: ClaimPointer, values: [&str; N]) -> Self {
        self.required_claims.push(RequiredClaim {
            claim,
            values: values.map(str::to_owned).to_vec(),
        });
        self
    }

    /// What an access token must say of itself, as one list.
    pub fn requirements(&self) -> impl Iterator<Item = ClaimRequirement> {
        let values = self.required_claims.iter().cloned();
        let groups = self.one_required.iter().cloned();
        values
            .map(ClaimRequirement::Value)
            .chain(groups.map(ClaimRequirement::OneOf))
    }

    /// Replaces what an access token must say of itself.
    #[must_use]
    pub fn with_requirements(mut self, all: impl IntoIterator<Item = ClaimRequirement>) -> Self {
        (self.required_claims, self.one_required) = (Vec::new(), Vec::new());
        for requirement in all {
            match requirement {
                ClaimRequirement::Value(required) => self.required_claims.push(required),
                ClaimRequirement::OneOf(places) => self.one_required.push(places),
            }
        }
        self
    }

    /// Takes groups or roles from these places, all that are present together.
    #[must_use]
    pub fn with_groups(mut self, places: Vec<ClaimPointer>) -> Self {
        self.groups = places;
        self
    }

    /// Takes the tenant from these places; the first that is present counts.
    #[must_use]
    pub fn with_tenant(mut self, places: Vec<ClaimPointer>) -> Self {
        self.tenant = places;
        self
    }

    /// Takes the scopes from these places; the first that is present counts.
    #[must_use]
    pub fn with_scopes(mut self, places: Vec<ClaimPointer>) -> Self {
        self.scopes = places;
        self
    }

    /// Takes the scopes of all places together, not only of the first that is present.
    #[must_use]
    pub fn with_scopes_of_all_places(mut self) -> Self {
        self.scope_places = ScopePlaces::All;
        self
    }

    /// Cuts this from the front of each scope that starts with it; other scopes stay as they are.
    #[must_use]
    pub fn without_scope_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.scope_prefix = Some(prefix.into());
        self
    }

    /// Takes the member names of an object for groups, where it would take values.
    #[must_use]
    pub fn with_groups_as_member_names(mut self) -> Self {
        self.group_form = GroupForm::MemberNames;
        self
    }

    /// Takes the user's id from these places; the first that is present counts.
    #[must_use]
    pub fn with_user(mut self, places: Vec<ClaimPointer>) -> Self {
        self.user = places;
        self
    }
}

/// Pointers to claims at the top level.
pub(super) fn claims(names: &[&str]) -> Vec<ClaimPointer> {
    names.iter().copied().map(ClaimPointer::claim).collect()
}
