//! How one provider writes its access tokens, as data (rules R15–R20, R24–R27).

use crate::{Issuer, claims::ClaimPointer, token::without_application_prefix};

/// How one provider writes its access tokens. Data only: the checks read it, nothing branches on a
/// provider's name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The profile's name.
    pub name: &'static str,
    /// Which kinds of token, by `typ`, are access tokens (rule R15).
    pub token_types: TokenTypes,
    /// Claims that must have one of these values: they tell access tokens from ID and refresh tokens (R16).
    pub required_claims: Vec<RequiredClaim>,
    /// Claims of which an access token carries one at least, whatever its value; none is needed when
    /// no place is named (R16).
    pub one_required: Vec<ClaimPointer>,
    /// Where a token without `aud` may name its audience (R19).
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
    /// Where groups or roles are; none are taken when no place is named.
    pub groups: Vec<ClaimPointer>,
    /// How groups are written there.
    pub group_form: GroupForm,
    /// Where the e-mail address is; its verification is told by the sibling `email_verified`.
    pub email: Vec<ClaimPointer>,
    /// Where the tier is.
    pub tier: Vec<ClaimPointer>,
    /// Audiences that the provider writes for itself: expecting one of them would open this service to
    /// every token it ever issued (R21).
    pub foreign_audiences: Vec<String>,
    /// Signs of a token that a program got for itself, beside a missing or client-equal `sub` (R27).
    pub machine_signs: Vec<MachineSign>,
}

/// Which values of the header's `typ` an access token may have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenTypes {
    /// Absent, `JWT` or `at+jwt`: the common habits.
    Common,
    /// `at+jwt` only (RFC 9068 §4).
    AccessTokenOnly,
    /// Absent or `JWT`: a provider that never writes `at+jwt`.
    Untyped,
}

impl TokenTypes {
    /// Whether this `typ` is allowed; the case does not count, nor does `application/` before it.
    /// This is an allow-list: `logout+jwt`, `dpop+jwt`, `secevent+jwt` and whatever comes next are out.
    #[must_use]
    pub fn allow(&self, token_type: Option<&str>) -> bool {
        let (absent, names): (bool, &[&str]) = match self {
            Self::Common => (true, &["JWT", "at+jwt"]),
            Self::AccessTokenOnly => (false, &["at+jwt"]),
            Self::Untyped => (true, &["JWT"]),
        };
        let Some(token_type) = token_type.map(without_application_prefix) else {
            return absent;
        };
        names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(token_type))
    }
}

/// A claim that must have one of these values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredClaim {
    /// Where the claim is.
    pub claim: ClaimPointer,
    /// The values allowed, compared byte by byte.
    pub values: Vec<String>,
}

/// How a token's client and its audience belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAudience {
    /// A token's audience is the resource. One issued for its own client and without scope is an ID token (R17).
    Unexpected,
    /// The provider writes the client's id into `aud` of access tokens, so the ID-token guard is off.
    Expected,
    /// The provider writes no `aud` unless a resource was asked for; the client claim stands in for it,
    /// and the expected audiences are then a list of clients (Cognito).
    StandsIn,
}

/// Which of several places of scopes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopePlaces {
    /// The first that is present.
    First,
    /// All that are present, together.
    All,
}

/// How groups or roles are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupForm {
    /// A string, or an array of strings.
    Values,
    /// An object whose member names are the groups (ZITADEL).
    MemberNames,
}

/// A sign that a program got the token for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MachineSign {
    /// The claim has this value.
    Equals(ClaimPointer, String),
    /// The claim is this, followed by the id of the token's client in whatever ASCII case.
    NamesClient(ClaimPointer, String),
    /// The claim ends like this.
    EndsWith(ClaimPointer, String),
    /// The first claim is present, and the second is not.
    PresentWithout(ClaimPointer, ClaimPointer),
}

impl Profile {
    /// A provider that follows RFC 9068 or the common habits.
    #[must_use]
    pub fn generic() -> Self {
        Self {
            name: "generic",
            token_types: TokenTypes::Common,
            required_claims: Vec::new(),
            one_required: Vec::new(),
            client_audience: ClientAudience::Unexpected,
            scopes: claims(&["scope", "scp", "scopes"]),
            scope_places: ScopePlaces::First,
            scope_prefix: None,
            user: claims(&["sub"]),
            client: claims(&["client_id", "azp", "cid", "appid"]),
            tenant: claims(&["tenant_id"]),
            groups: Vec::new(),
            group_form: GroupForm::Values,
            foreign_audiences: Vec::new(),
            email: claims(&["email"]),
            tier: claims(&["tier"]),
            machine_signs: Vec::new(),
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
        super::providers::for_issuer(issuer)
    }

    /// The profile with this name, as a setting names it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        super::providers::named(name)
    }

    /// The profile's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Takes only tokens that say of themselves that they are access tokens (`typ` = `at+jwt`, RFC 9068).
    #[must_use]
    pub fn requiring_at_jwt(mut self) -> Self {
        self.token_types = TokenTypes::AccessTokenOnly;
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

    /// Takes groups or roles from these places; the first that is present counts.
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
