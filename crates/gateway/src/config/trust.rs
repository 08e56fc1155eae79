//! What is legal and risky about whom and which keys an operator trusts.

use oauthgate_core::{
    Audience,
    context::{ClientAudience, TokenTypes},
};
use oauthgate_remote::{IssuerSettings, PresetReason};

use super::settings::ResourceSettings;

/// A warning for each risk, once however many resources share the issuer.
pub(super) fn warnings(resources: &[ResourceSettings]) -> Vec<String> {
    once(resources, |resource, issuer| {
        let of_issuer = [
            every_tenant(issuer),
            shared_secret(issuer),
            unknown_provider(issuer),
            pinned(issuer),
            withdrawn(issuer),
            no_patience(issuer),
            email_as_identity(issuer),
        ];
        let verifier = issuer.verifier(&resource.provider.resource);
        let of_rules = verifier.map_or_else(|_| Vec::new(), |verifier| verifier.warnings());
        let of_rules = of_rules
            .into_iter()
            .map(|warning| format!("{}: {warning}", issuer.name()));
        of_issuer.into_iter().flatten().chain(of_rules).collect()
    })
}

/// Which preset each issuer's tokens are read with, and why.
pub(super) fn presets(resources: &[ResourceSettings]) -> Vec<String> {
    once(resources, |_, issuer| {
        vec![format!(
            "the tokens of {} are read with the {}",
            issuer.name(),
            issuer.preset
        )]
    })
}

/// What there is to say about each issuer, without repetition.
fn once(
    resources: &[ResourceSettings],
    say: impl Fn(&ResourceSettings, &IssuerSettings) -> Vec<String>,
) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for resource in resources {
        for sentence in resource
            .provider
            .issuers
            .iter()
            .flat_map(|issuer| say(resource, issuer))
        {
            if !said.contains(&sentence) {
                said.push(sentence);
            }
        }
    }
    said
}

fn every_tenant(issuer: &IssuerSettings) -> Option<String> {
    let template = issuer.issuer_template.as_ref()?;
    (template.is_for_all_tenants() && issuer.allowed_tenants.is_none()).then(|| {
        format!(
            "every tenant of {} is let in whose token names the audience: OAUTHGATE_ISSUER_TENANTS names the ones that you mean",
            template.as_str()
        )
    })
}

/// Rule R17: where `aud` is the client, ID tokens and access tokens carry the same one.
fn unknown_provider(issuer: &IssuerSettings) -> Option<String> {
    let is_unknown = issuer.preset.because == PresetReason::Unknown;
    let is_expected = issuer.profile.client_audience != ClientAudience::Unexpected;
    let is_name = |audience: &&Audience| !audience.as_str().contains(':');
    let name = issuer.audiences.iter().find(is_name)?;
    (is_unknown && !is_expected && !names_the_kind(issuer)).then(|| {
        format!(
            "{}: the audience {name} looks like a client's id, which ID tokens carry too, and no preset tells the two apart: name one with OAUTHGATE_PRESET, or say with OAUTHGATE_REQUIRED_CLAIMS or OAUTHGATE_TOKEN_TYPES what only access tokens have",
            issuer.name()
        )
    })
}

/// Whether something that only access tokens have is demanded.
fn names_the_kind(issuer: &IssuerSettings) -> bool {
    issuer.profile.requirements().next().is_some()
        || issuer.profile.token_types == TokenTypes::access_token_only()
}

/// An address is given to somebody else one day, and with it whatever its owner could do here.
fn email_as_identity(issuer: &IssuerSettings) -> Option<String> {
    let profile = &issuer.profile;
    let claim = profile
        .user
        .iter()
        .find(|claim| profile.email.contains(claim))?;
    Some(format!(
        "{}: the user's id is taken from `{claim}`, an e-mail address, which can be given to somebody else: name a claim that cannot in OAUTHGATE_USER_CLAIMS",
        issuer.name()
    ))
}

fn shared_secret(issuer: &IssuerSettings) -> Option<String> {
    issuer.hs_secret.as_ref().map(|_| {
        format!(
            "the secret of {} is shared with this gate: whoever can read it here can mint tokens that every resource of that issuer takes; an asymmetric signing key needs no secret",
            issuer.name()
        )
    })
}

fn pinned(issuer: &IssuerSettings) -> Option<String> {
    let pinned = &issuer.keys.pinned_kids;
    (!pinned.is_empty()).then(|| {
        format!(
            "only {} pinned key(s) of {} are used: tokens signed with a key that it adds are refused",
            pinned.len(),
            issuer.issuer
        )
    })
}

fn withdrawn(issuer: &IssuerSettings) -> Option<String> {
    let withdrawn = &issuer.keys.withdrawn_kids;
    (!withdrawn.is_empty()).then(|| {
        format!(
            "{} key(s) of {} are withdrawn by the settings and never used",
            withdrawn.len(),
            issuer.issuer
        )
    })
}

fn no_patience(issuer: &IssuerSettings) -> Option<String> {
    issuer.keys.stale_limit.is_zero().then(|| {
        format!(
            "the stale limit of {} is 0: when it cannot be asked for longer than its keys' own life, its tokens are answered 503",
            issuer.issuer
        )
    })
}
