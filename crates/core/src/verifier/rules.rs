//! What one issuer's tokens must satisfy, as data.

use std::time::Duration;

use crate::{
    Audience, CompactJws, Profile, ResourceIdentifier, SigningAlgorithm,
    claims::{ClaimPointer, IssuerRule},
    context::MachineSign,
    signature::SharedSecret,
};

/// The rules for the tokens of one issuer.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) issuer: IssuerRule,
    pub(crate) audiences: Vec<Audience>,
    pub(crate) resource: Option<ResourceIdentifier>,
    pub(crate) profile: Profile,
    pub(crate) algorithms: Vec<SigningAlgorithm>,
    pub(crate) shared_secret: Option<SharedSecret>,
    pub(crate) missing_audience_clients: Vec<String>,
    pub(crate) allowed_clients: Option<Vec<String>>,
    pub(crate) allowed_tenants: Option<Vec<String>>,
    pub(crate) skew: Duration,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) max_token_length: usize,
}

impl Rules {
    /// The defaults. 60 s of skew is what a machine without NTP drifts in a week or two.
    pub(super) fn new(issuer: IssuerRule, audiences: Vec<Audience>) -> Self {
        Self {
            issuer,
            audiences,
            resource: None,
            profile: Profile::generic(),
            algorithms: SigningAlgorithm::ALL.to_vec(),
            shared_secret: None,
            missing_audience_clients: Vec::new(),
            allowed_clients: None,
            allowed_tenants: None,
            skew: Duration::from_secs(60),
            max_lifetime: None,
            max_token_length: CompactJws::MAX_LENGTH,
        }
    }

    /// The same rules for answers of the introspection endpoint, whose members have the names of RFC 7662
    /// §2.2 where the provider's tokens have others. The profile's own places come first.
    pub(super) fn for_answers(&self) -> Self {
        let mut rules = self.clone();
        let profile = &mut rules.profile;
        for (places, name) in [
            (&mut profile.scopes, "scope"),
            (&mut profile.client, "client_id"),
        ] {
            let place = ClaimPointer::claim(name);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        // Every answer may name the client by this member, so that it shows nothing beside a name that a
        // person chose.
        let names_client = MachineSign::Present(ClaimPointer::claim("client_id"));
        profile.machine_signs.retain(
            |sign| !matches!(sign, MachineSign::All(signs) if signs.contains(&names_client)),
        );
        rules
    }

    /// Whether a token's audience is one of ours: the same bytes or, where the expected audience is
    /// the protected resource, another documented spelling of that resource.
    pub(super) fn accept_audience(&self, audience: &str) -> bool {
        self.audiences.iter().any(|expected| {
            expected.as_str() == audience
                || self.resource.as_ref().is_some_and(|resource| {
                    resource.is_named_by(expected.as_str()) && resource.is_named_by(audience)
                })
        })
    }
}
