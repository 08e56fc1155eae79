//! Keys written out again: for whatever outlives the process or crosses to another one.

use serde::Serialize;
use serde_json::{Map, Value};

use super::jwk::DEV_KEY_MEMBER;

/// The members that say what a public signing key is and whose; all others stay behind.
#[derive(Serialize)]
struct PublicMembers<'jwk> {
    kty: Option<&'jwk str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'jwk str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<&'jwk str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<&'jwk str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<&'jwk str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<&'jwk str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'jwk str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<&'jwk str>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    public_key_use: Option<&'jwk str>,
    /// A usable key's contain this one; what else it may do is not our business.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_ops: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'jwk str>,
    /// What is thrown away stays recognizable wherever it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    oauthgate_dev_key: Option<bool>,
}

#[derive(Serialize)]
struct Document<'jwk> {
    keys: Vec<PublicMembers<'jwk>>,
}

/// A set of these keys, which were parsed before. Texts and one list always serialize.
pub(super) fn document(keys: &[&Map<String, Value>]) -> Vec<u8> {
    let keys = keys.iter().map(|members| public_members(members)).collect();
    serde_json::to_vec(&Document { keys }).unwrap_or_default()
}

fn public_members(members: &Map<String, Value>) -> PublicMembers<'_> {
    let text = |name| members.get(name).and_then(Value::as_str);
    PublicMembers {
        kty: text("kty"),
        crv: text("crv"),
        n: text("n"),
        e: text("e"),
        x: text("x"),
        y: text("y"),
        kid: text("kid"),
        alg: text("alg"),
        public_key_use: text("use"),
        key_ops: members.contains_key("key_ops").then_some(["verify"]),
        issuer: text("issuer"),
        oauthgate_dev_key: members.contains_key(DEV_KEY_MEMBER).then_some(true),
    }
}
