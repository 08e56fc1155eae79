//! The presets against what the providers write: sample tokens, the traps that this crate decides, and
//! the ways in which a preset is found and written down.

#[path = "../support/mod.rs"]
mod support;

mod samples;
mod signed;
mod traps;
mod values;

use oauthgate_core::{
    Audience, Issuer, Reason, UserContext, Verifier, VerifierBuilder, verifier::Ready,
};
use serde_json::{Value, json};
use support::*;

/// The verifier of a preset, for the resource [`RESOURCE`].
pub fn builder(preset: &str, issuer: &str, audiences: &[&str]) -> VerifierBuilder<Ready> {
    let profile = oauthgate_core::Profile::named(preset).unwrap();
    let mut audiences = audiences.iter().map(|text| Audience::new(*text).unwrap());
    Verifier::builder()
        .issuer(Issuer::new(issuer).unwrap())
        .audiences(audiences.next().unwrap(), audiences)
        .resource(resource())
        .profile(profile)
}

/// The whole way of a token with these claims; `typ` as given, absent for none.
pub fn judge(
    verifier: &Verifier,
    token_type: Option<&str>,
    claims: &Value,
) -> Result<UserContext, Reason> {
    let header = match token_type {
        Some(token_type) => json!({"kid": "key-1", "typ": token_type}),
        None => json!({"kid": "key-1"}),
    };
    let token = sign(&P256, "ES256", &header, claims);
    verify_with(verifier, &keys(), &token, NOW).map_err(|error| error.reason())
}

/// Everything that a user context tells.
pub fn told(user: &UserContext) -> Value {
    json!({
        "user": user.user_id(),
        "kind": format!("{:?}", user.kind()),
        "issuer": user.issuer().as_str(),
        "client": user.client_id(),
        "email": user.email(),
        "verified": user.email_verified(),
        "tier": user.tier(),
        "tenant": user.tenant_id(),
        "groups": user.groups(),
        "truncated": user.groups_truncated(),
        "actors": user.actors(),
        "scopes": user.scopes().to_string(),
        "expires": user.token_expires_at().as_secs(),
    })
}

/// What is told of a caller of whom nothing is known but this.
pub fn caller(more: &Value) -> Value {
    let nothing = json!({
        "verified": false, "tier": "free", "groups": [], "truncated": false, "actors": [], "scopes": "",
    });
    let mut caller = nothing;
    for name in ["client", "email", "tenant"] {
        caller[name] = Value::Null;
    }
    for (name, value) in more.as_object().unwrap() {
        caller[name] = value.clone();
    }
    caller
}
