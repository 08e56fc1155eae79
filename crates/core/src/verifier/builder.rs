//! Builds a [`Verifier`]; one without an audience does not compile.

use std::{marker::PhantomData, time::Duration};

use super::Verifier;
use crate::{Audience, Issuer, Profile, ResourceIdentifier, SettingError, SigningAlgorithm};

/// Typestate: the issuer is still missing.
#[derive(Debug)]
pub struct WantsIssuer;
/// Typestate: the audience is still missing.
#[derive(Debug)]
pub struct WantsAudience;
/// Typestate: complete.
#[derive(Debug)]
pub struct Ready;

/// Builds a [`Verifier`].
#[derive(Debug)]
#[must_use]
pub struct VerifierBuilder<State = WantsIssuer> {
    state: PhantomData<State>,
}

impl VerifierBuilder<WantsIssuer> {
    /// The issuer whose tokens are verified.
    pub fn issuer(self, issuer: Issuer) -> VerifierBuilder<WantsAudience> {
        let _ = issuer;
        unimplemented!()
    }
}

impl VerifierBuilder<WantsAudience> {
    /// The audiences of which a token must name at least one (rule R18).
    pub fn audiences(self, first: Audience, more: impl IntoIterator<Item = Audience>) -> VerifierBuilder<Ready> {
        let _ = (first, more.into_iter());
        unimplemented!()
    }
}

impl VerifierBuilder<Ready> {
    /// The protected resource: a `resource` claim, if present, must name it as a whole string.
    pub fn resource(self, resource: ResourceIdentifier) -> Self {
        let _ = resource;
        self
    }

    /// How this provider writes its tokens; the default is [`Profile::generic`].
    pub fn profile(self, profile: Profile) -> Self {
        let _ = profile;
        self
    }

    /// The algorithms allowed; the default is [`SigningAlgorithm::ALL`].
    pub fn algorithms(self, algorithms: Vec<SigningAlgorithm>) -> Self {
        let _ = algorithms;
        self
    }

    /// The tolerated clock skew; 60 s by default, 300 s at most.
    pub fn skew(self, skew: Duration) -> Self {
        let _ = skew;
        self
    }

    /// The verifier.
    ///
    /// # Errors
    /// When settings contradict each other (skew above 300 s, no algorithm, an empty client list where one is needed).
    pub fn build(self) -> Result<Verifier, SettingError> {
        unimplemented!()
    }
}
