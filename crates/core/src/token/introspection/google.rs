//! Google's `tokeninfo`: not RFC 7662. A token that is not good is an error status there, which never
//! comes this far; numbers are strings.

use serde_json::{Map, Value};

use super::refused;
use crate::TokenError;

/// The members that are taken over as they are.
const KEPT: &[&str] = &[
    "aud",
    "azp",
    "sub",
    "scope",
    "email",
    "email_verified",
    "hd",
    "iss",
];
/// The members that are numbers in a string.
const NUMBERS: &[&str] = &["exp", "iat"];

/// The audience is the client that the token was issued to, and nothing else binds the token to anybody.
pub(super) fn claims(answer: &Map<String, Value>) -> Result<Map<String, Value>, TokenError> {
    if !answer.get("aud").is_some_and(Value::is_string) {
        return Err(refused("the answer has no string `aud`"));
    }
    let kept = KEPT
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), answer.get(*name)?.clone())));
    let mut claims: Map<String, Value> = kept.collect();
    for name in NUMBERS {
        if let Some(value) = answer.get(*name) {
            claims.insert((*name).to_owned(), number(value));
        }
    }
    Ok(claims)
}

/// What is no number in a string stays what it is, and is judged by the checks.
fn number(value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<i64>() {
        Ok(seconds) if is_number => Value::from(seconds),
        _ => value.clone(),
    }
}
