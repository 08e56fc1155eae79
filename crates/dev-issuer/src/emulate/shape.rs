//! Small tools to write what a provider writes.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{crypto::base64url, keys::SigningKey};

/// `base` with the members of `changes` added or replaced; members that are `null` are left out of both.
pub(crate) fn with(mut base: Value, changes: Value) -> Value {
    if let (Value::Object(members), Value::Object(changes)) = (&mut base, changes) {
        members.extend(changes);
        members.retain(|_, value| !value.is_null());
    }
    base
}

/// The first `digits` of lower-case hexadecimal.
pub(crate) fn hex(octets: &[u8], digits: usize) -> String {
    let mut text: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    text.truncate(digits);
    text
}

/// Octets in the form of an UUID (RFC 9562 §4), version 4 whatever they are.
pub(crate) fn uuid(octets: &[u8]) -> String {
    let digits = hex(octets, 32);
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-4{}-a{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}

/// A new UUID.
pub(crate) fn random_uuid() -> String {
    uuid(random_octets().as_slice())
}

/// A new name of letters and digits.
pub(crate) fn random_name(length: usize) -> String {
    let mut name: String = crate::crypto::random_token()
        .chars()
        .chain(crate::crypto::random_token().chars())
        .filter(char::is_ascii_alphanumeric)
        .collect();
    name.truncate(length);
    name
}

fn random_octets() -> Vec<u8> {
    crate::crypto::sha256(crate::crypto::random_token().as_bytes())
}

/// `x5c` (RFC 7517 §4.7).
pub(crate) fn x5c(key: &SigningKey) -> Value {
    key.certificate()
        .map_or(Value::Null, |der| json!([STANDARD.encode(der)]))
}

/// `x5t` (RFC 7517 §4.8), which is still SHA-1; the key's thumbprint where there is no certificate.
pub(crate) fn x5t(key: &SigningKey) -> String {
    let Some(der) = key.certificate() else {
        return base64url(&key.thumbprint);
    };
    base64url(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref())
}
