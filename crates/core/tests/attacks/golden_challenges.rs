//! Every challenge that there is, frozen in `testdata/challenges/challenges.json`. The end-to-end tests give
//! the same bytes to the parsers of real clients.

use std::{collections::BTreeSet, fs, path::Path};

use oauthgate_core::{Answer, Denial, ProtectedResource, Reason, ResourceIdentifier, ScopeSet};
use serde_json::{Value, json};

use crate::support::*;

/// Resources at the root, below a path, deep, and on loopback.
const RESOURCES: [&str; 4] = [
    "https://mcp.example.com",
    "https://mcp.example.com/mcp",
    "https://gate.example.com:8443/tenants/acme/mcp",
    "http://localhost:8080/mcp",
];
/// None, one, several, and as long-winded as providers write them.
const SCOPES: [&str; 4] = [
    "",
    "mcp:read",
    "files:read files:write mcp:read",
    "api://0a1b/mcp.read https://graph.example.com/User.Read tools/*:call ~x+y",
];

fn resource(identifier: &str, scopes: &str) -> ProtectedResource {
    let identifier = ResourceIdentifier::parse(identifier).unwrap();
    let resource = ProtectedResource::new(identifier, vec![issuer()]);
    resource.with_advertised_scopes(&ScopeSet::parse(scopes).unwrap())
}

/// The bytes, and what they say by the RFCs; a client must read the same.
fn entry(reason: Reason, identifier: &str, scopes: &str) -> Option<Value> {
    let mut denial = Denial::new(reason);
    if reason == Reason::InsufficientScope {
        denial = denial.with_scopes(ScopeSet::parse(scopes).unwrap());
    }
    let resource = resource(identifier, scopes);
    let answer = Answer::to(&denial, &resource);
    let header = answer.headers().get("www-authenticate")?.clone();
    let body: Value = serde_json::from_str(&answer.body("")).unwrap();
    let has_error = reason != Reason::NoCredentials;
    let written = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Some(json!({
        "resource": resource.identifier().as_str(),
        "status": answer.status().as_u16(),
        "header": header.to_str().unwrap(),
        "error": has_error.then(|| answer.error()),
        "error_description": has_error.then(|| body["error_description"].clone()),
        "resource_metadata": resource.identifier().metadata_url(),
        "scope": written(&ScopeSet::parse(scopes).unwrap().to_string()),
    }))
}

/// Every reason at one resource, and every resource and set of scopes for the three kinds of challenge.
fn entries() -> Vec<Value> {
    let kinds = [
        Reason::NoCredentials,
        Reason::BadSignature,
        Reason::InsufficientScope,
    ];
    let everywhere = kinds.into_iter().flat_map(|reason| {
        RESOURCES
            .into_iter()
            .flat_map(move |identifier| SCOPES.map(|scopes| (reason, identifier, scopes)))
    });
    let every_reason = Reason::ALL
        .iter()
        .map(|reason| (*reason, RESOURCES[1], SCOPES[1]));
    let mut seen = BTreeSet::new();
    everywhere
        .chain(every_reason)
        .filter_map(|(reason, identifier, scopes)| entry(reason, identifier, scopes))
        .filter(|entry| seen.insert(entry["header"].to_string()))
        .collect()
}

#[test]
fn row_30_f27_challenges_are_the_frozen_bytes() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/challenges/challenges.json");
    let frozen: Vec<Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let now = entries();
    for entry in &now {
        assert!(
            frozen.contains(entry),
            "not frozen: {}",
            serde_json::to_string_pretty(&entry).unwrap()
        );
    }
    assert_eq!(frozen, now, "nothing else is frozen, and in this order");
}
