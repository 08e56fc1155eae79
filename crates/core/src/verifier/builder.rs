//! Builds a [`Verifier`]; one without an audience does not compile.

use std::time::Duration;

use super::{Verifier, contradictions, rules::Rules};
use crate::{
    Audience, Issuer, Profile, ResourceIdentifier, SettingError, SigningAlgorithm,
    claims::{IssuerRule, IssuerTemplate},
    signature::SharedSecret,
};

/// The longest tolerated clock skew.
pub(super) const LONGEST_SKEW: Duration = Duration::from_secs(300);

/// Typestate: the issuer is still missing.
#[derive(Debug)]
pub struct WantsIssuer;

/// Typestate: the audience is still missing.
#[derive(Debug)]
pub struct WantsAudience {
    issuer: IssuerRule,
}

/// Typestate: complete.
#[derive(Debug)]
pub struct Ready {
    rules: Rules,
}

/// Builds a [`Verifier`]. The issuer and the audiences come first, and cannot be left out:
///
/// ```
/// use oauthgate_core::{Audience, Issuer, Verifier};
///
/// let verifier = Verifier::builder()
///     .issuer(Issuer::new("https://auth.example.com/")?)
///     .audiences(Audience::new("https://mcp.example.com/mcp")?, [])
///     .build()?;
/// assert_eq!(verifier.issuer().as_str(), "https://auth.example.com/");
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
///
/// ```compile_fail,E0599
/// use oauthgate_core::{Issuer, Verifier};
///
/// // No audience, no verifier: `build` is not there yet.
/// let verifier = Verifier::builder().issuer(Issuer::new("https://auth.example.com/").unwrap()).build();
/// ```
#[derive(Debug)]
#[must_use]
pub struct VerifierBuilder<State = WantsIssuer> {
    state: State,
}

impl VerifierBuilder<WantsIssuer> {
    pub(super) fn new() -> Self {
        Self { state: WantsIssuer }
    }

    /// The issuer whose tokens are verified.
    pub fn issuer(self, issuer: Issuer) -> VerifierBuilder<WantsAudience> {
        VerifierBuilder {
            state: WantsAudience {
                issuer: IssuerRule::Exact(issuer),
            },
        }
    }

    /// The issuers of a provider that has one for each tenant (rule R5).
    pub fn issuer_template(self, template: IssuerTemplate) -> VerifierBuilder<WantsAudience> {
        VerifierBuilder {
            state: WantsAudience {
                issuer: IssuerRule::Template(template),
            },
        }
    }
}

impl VerifierBuilder<WantsAudience> {
    /// The audiences of which a token must name at least one (rule R18).
    pub fn audiences(
        self,
        first: Audience,
        more: impl IntoIterator<Item = Audience>,
    ) -> VerifierBuilder<Ready> {
        let audiences = std::iter::once(first).chain(more).collect();
        VerifierBuilder {
            state: Ready {
                rules: Rules::new(self.state.issuer, audiences),
            },
        }
    }
}

impl VerifierBuilder<Ready> {
    /// The longest tolerated clock skew.
    pub const MAX_SKEW: Duration = LONGEST_SKEW;

    /// The protected resource: a `resource` claim, if present, must name it as a whole string.
    pub fn resource(mut self, resource: ResourceIdentifier) -> Self {
        self.state.rules.resource = Some(resource);
        self
    }

    /// How this provider writes its tokens; the default is [`Profile::generic`].
    pub fn profile(mut self, profile: Profile) -> Self {
        self.state.rules.profile = profile;
        self
    }

    /// The algorithms allowed; the default is [`SigningAlgorithm::ALL`].
    pub fn algorithms(mut self, algorithms: Vec<SigningAlgorithm>) -> Self {
        self.state.rules.algorithms = algorithms;
        self
    }

    /// The secret shared with this issuer, for tokens with an HS256, HS384 or HS512 code; without it such
    /// tokens are refused. Tokens with a signature need a key as ever.
    pub fn shared_secret(mut self, secret: SharedSecret) -> Self {
        self.state.rules.shared_secret = Some(secret);
        self
    }

    /// Clients whose tokens may have no audience at all (rule R20); none by default.
    pub fn missing_audience_clients(mut self, clients: impl IntoIterator<Item = String>) -> Self {
        self.state.rules.missing_audience_clients = clients.into_iter().collect();
        self
    }

    /// The only clients whose tokens are taken (rule R19); every client by default.
    pub fn allowed_clients(mut self, clients: impl IntoIterator<Item = String>) -> Self {
        self.state.rules.allowed_clients = Some(clients.into_iter().collect());
        self
    }

    /// The tolerated clock skew; 60 s by default, 300 s at most.
    pub fn skew(mut self, skew: Duration) -> Self {
        self.state.rules.skew = skew;
        self
    }

    /// The longest time a token may live, from `iat` to `exp`; unlimited by default.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.state.rules.max_lifetime = Some(lifetime);
        self
    }

    /// The longest token taken, in bytes; [`crate::CompactJws::MAX_LENGTH`] by default.
    pub fn max_token_length(mut self, bytes: usize) -> Self {
        self.state.rules.max_token_length = bytes;
        self
    }

    /// The only tenants whose tokens are taken (rule R28); every tenant by default. Another tenant's good
    /// token is answered with 403.
    pub fn allowed_tenants(mut self, tenants: impl IntoIterator<Item = String>) -> Self {
        self.state.rules.allowed_tenants = Some(tenants.into_iter().collect());
        self
    }

    /// The verifier.
    ///
    /// # Errors
    /// When settings contradict each other, or open this service to tokens that are not meant for it:
    /// skew above 300 s, no algorithm, an empty list where a list is complete, an audience that the
    /// provider writes into every token.
    pub fn build(self) -> Result<Verifier, SettingError> {
        contradictions::check(&self.state.rules)?;
        Ok(Verifier::new(self.state.rules))
    }
}
