//! Settings that cannot be meant, refused when the verifier is built, and settings that are seldom
//! meant, which the operator should read about (rules R18 to R22).

use super::{builder::LONGEST_SKEW, rules::Rules};
use crate::{
    Audience, CompactJws, Profile, SettingError,
    context::{ClientAudience, RequiredClaim},
};

/// The first contradiction.
pub(super) fn check(rules: &Rules) -> Result<(), SettingError> {
    check_limits(rules)?;
    check_audiences(rules)?;
    check_lists(rules)?;
    check_profile(&rules.profile)
}

/// What is allowed and dangerous, each as one sentence.
pub(super) fn warnings(rules: &Rules) -> Vec<String> {
    let audiences = rules.audiences.iter();
    let own_clients = audiences.filter(|audience| is_known_client(rules, audience));
    let own_client = own_clients.map(|audience| {
            format!(
                "the audience \"{audience}\" is a client of this issuer: its ID tokens carry that audience too, and only \
                 what they lack tells them from access tokens"
            )
    });
    let claim = &rules.profile.audience_claim;
    let other_claim = (*claim != crate::claims::ClaimPointer::claim("aud")).then(|| {
        format!(
            "the audience is taken from `{claim}`, so every token of the clients listed is taken, \
             whatever resource its `aud` names"
        )
    });
    own_client.chain(other_claim).collect()
}

/// Rule R21: where access tokens carry the resource, an audience that is a client is a slip.
fn is_known_client(rules: &Rules, audience: &Audience) -> bool {
    let clients = rules.allowed_clients.iter().flatten();
    rules.profile.client_audience == ClientAudience::Unexpected
        && clients
            .chain(&rules.missing_audience_clients)
            .any(|client| client == audience.as_str())
}

fn check_limits(rules: &Rules) -> Result<(), SettingError> {
    if rules.skew > LONGEST_SKEW {
        return Err(SettingError::new(
            "the clock skew is above 300 s",
            "0 to 300 s; fix the clock instead (default 60 s)",
        ));
    }
    let no_life = rules
        .max_lifetime
        .is_some_and(|lifetime| lifetime.is_zero());
    if rules.max_token_length == 0 || no_life {
        return Err(SettingError::new(
            "a limit of zero refuses every token",
            format!("for example {} bytes", CompactJws::MAX_LENGTH),
        ));
    }
    Ok(())
}

/// An audience that the provider writes into (nearly) all of its tokens binds them to nothing.
fn check_audiences(rules: &Rules) -> Result<(), SettingError> {
    let profile = &rules.profile;
    if let Some(audience) = expected_one_of(rules, &profile.foreign_audiences) {
        return Err(SettingError::new(
            format!(
                "the audience \"{audience}\" is the provider's own, and in nearly all of its tokens"
            ),
            "an audience of this service, written by a mapper of the authorization server",
        ));
    }
    match expected_one_of(rules, &profile.shared_audiences) {
        Some(audience) if rules.allowed_clients.is_none() => Err(SettingError::new(
            format!("the audience \"{audience}\" is in the tokens of all clients of the provider"),
            "a list of allowed clients beside it",
        )),
        _ => Ok(()),
    }
}

fn expected_one_of<'rules>(rules: &'rules Rules, names: &[String]) -> Option<&'rules Audience> {
    let is_one = |audience: &&Audience| names.iter().any(|name| name == audience.as_str());
    rules.audiences.iter().find(is_one)
}

/// A list that admits nobody was meant to say something else.
fn check_lists(rules: &Rules) -> Result<(), SettingError> {
    if rules.algorithms.is_empty() {
        return Err(SettingError::new(
            "no signature algorithm is allowed",
            "at least one, for example RS256",
        ));
    }
    if rules.allowed_clients.as_ref().is_some_and(Vec::is_empty) {
        return Err(SettingError::new(
            "the list of allowed clients is empty",
            "client ids, or no such list",
        ));
    }
    if rules.allowed_tenants.as_ref().is_some_and(Vec::is_empty) {
        return Err(SettingError::new(
            "the list of allowed tenants is empty",
            "tenants as your tokens name them, or no such list",
        ));
    }
    let clients = rules.missing_audience_clients.iter();
    if has_blank(clients.chain(rules.allowed_clients.iter().flatten())) {
        return Err(SettingError::new(
            "a client id is empty",
            "client ids as your authorization server shows them",
        ));
    }
    if has_blank(rules.allowed_tenants.iter().flatten()) {
        return Err(SettingError::new(
            "a tenant is empty",
            "tenants as your tokens name them",
        ));
    }
    let no_tenant_claim = rules.profile.tenant.is_empty();
    if rules.allowed_tenants.is_some() && no_tenant_claim {
        return Err(SettingError::new(
            "tenants are listed, and no claim is named that holds one",
            "the claim that holds the tenant, for example /tid",
        ));
    }
    Ok(())
}

fn has_blank<'text>(mut texts: impl Iterator<Item = &'text String>) -> bool {
    texts.any(|text| text.trim().is_empty())
}

/// A requirement that nothing can meet, or that everything meets.
fn check_profile(profile: &Profile) -> Result<(), SettingError> {
    let is_void = |required: &RequiredClaim| required.values.is_empty();
    let no_values = profile.required_claims.iter().any(is_void);
    if no_values || profile.one_required.iter().any(Vec::is_empty) {
        return Err(SettingError::new(
            "a required claim without a value, or a group of required claims without a claim",
            "for example /token_use=access, or /scp|/roles",
        ));
    }
    Ok(())
}
