//! The traps that providers set, as far as this crate decides them.

mod audiences;
mod callers;
mod issuers;
mod keys;
mod kinds;

use oauthgate_core::{Reason, UserContext, Verifier};
use serde_json::{Value, json};

use crate::{builder, judge, support::*};

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";

/// A token of the generic kind for an issuer.
fn plain(issuer: &str) -> Value {
    claims_with(&json!({"iss": issuer}))
}

fn generic(issuer: &str) -> Verifier {
    builder("generic", issuer, &[RESOURCE]).build().unwrap()
}

fn entra_issuer(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn entra_claims(more: &Value) -> Value {
    let claims = json!({
        "iss": entra_issuer(TENANT), "aud": API, "exp": NOW + 3600, "iat": NOW, "ver": "2.0",
        "azp": "1111", "oid": "6902", "sub": "HKZp", "tid": TENANT, "scp": "tools.read",
    });
    merged(claims, more)
}

fn entra() -> Verifier {
    builder("entra", &entra_issuer(TENANT), &[API])
        .build()
        .unwrap()
}

fn user_of_preset(preset: &str, more: &Value) -> Result<UserContext, Reason> {
    let claims = claims_with(more);
    let verifier = builder(preset, ISSUER, &[RESOURCE]).build().unwrap();
    let token_type = match preset {
        "duende" | "clerk" | "logto" | "oidc-provider" => Some("at+jwt"),
        _ => None,
    };
    judge(&verifier, token_type, &claims)
}
