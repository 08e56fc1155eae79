//! What is legal and risky about whom and which keys an operator trusts.

use oauthgate_remote::IssuerSettings;

use super::settings::ResourceSettings;

/// A warning for each risk, once however many resources share the issuer.
pub(super) fn warnings(resources: &[ResourceSettings]) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    let issuers = resources
        .iter()
        .flat_map(|resource| &resource.provider.issuers);
    for warning in issuers.flat_map(of_issuer) {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    warnings
}

fn of_issuer(issuer: &IssuerSettings) -> impl Iterator<Item = String> {
    [
        every_tenant(issuer),
        pinned(issuer),
        withdrawn(issuer),
        no_patience(issuer),
    ]
    .into_iter()
    .flatten()
}

fn every_tenant(issuer: &IssuerSettings) -> Option<String> {
    let template = issuer.issuer_template.as_ref()?;
    template.is_for_all_tenants().then(|| {
        format!(
            "every tenant of {} is let in whose token names the audience: OAUTHGATE_ISSUER_TENANTS names the ones that you mean",
            template.as_str()
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
