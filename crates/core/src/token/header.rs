//! The JOSE header (RFC 7515 §4), read strictly.

use serde_json::{Map, Value};

use crate::{KeyHint, KeyId, Reason, TokenError, json, keys::JwsAlgorithm, text::Printable};

/// The header of a JWS. Members that would let a token bring its own key (`jku`, `jwk`, `x5u`, `x5c`)
/// must have the right JSON type and are otherwise ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoseHeader {
    algorithm: JwsAlgorithm,
    key_id: Option<KeyId>,
    token_type: Option<String>,
    has_nonce: bool,
}

impl JoseHeader {
    /// How long the decoded header may be, in bytes.
    pub const MAX_LENGTH: usize = 4 * 1024;

    pub(crate) fn parse(text: &[u8]) -> Result<Self, TokenError> {
        let members = json::strict_object(text, Self::MAX_LENGTH).map_err(|error| {
            TokenError::new(
                Reason::MalformedToken,
                format!("the header is refused: {error}"),
            )
        })?;
        refuse_extensions(&members)?;
        check_ignored_members(&members)?;
        Ok(Self {
            algorithm: algorithm(&members)?,
            key_id: key_id(&members)?,
            token_type: text_member(&members, "typ")?.map(str::to_owned),
            has_nonce: members.contains_key("nonce"),
        })
    }

    /// The `alg`.
    #[must_use]
    pub fn algorithm(&self) -> JwsAlgorithm {
        self.algorithm
    }

    /// The `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&KeyId> {
        self.key_id.as_ref()
    }

    /// The `typ`, as written.
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }

    /// Whether it carries a `nonce`, which no RFC puts there.
    pub(crate) fn has_nonce(&self) -> bool {
        self.has_nonce
    }

    pub(crate) fn key_hint(&self) -> Option<KeyHint> {
        match self.algorithm {
            JwsAlgorithm::Signature(algorithm) => Some(KeyHint {
                key_id: self.key_id.clone(),
                algorithm,
            }),
            JwsAlgorithm::Mac(_) => None,
        }
    }
}

/// No extension is implemented, so `crit` in any form is refused (RFC 7515 §4.1.11), and so is `b64`
/// (RFC 7797 §7 forbids it in a JWT). `enc` belongs to a JWE, and a nested token (`cty` = `JWT`) would
/// have a payload that nobody verified.
fn refuse_extensions(members: &Map<String, Value>) -> Result<(), TokenError> {
    for name in ["crit", "b64"] {
        if members.contains_key(name) {
            let detail = format!("the header carries `{name}`; no extension is supported");
            return Err(TokenError::new(Reason::UnsupportedCriticalHeader, detail));
        }
    }
    for name in ["enc", "zip"] {
        if members.contains_key(name) {
            return Err(malformed(format!(
                "the header carries `{name}`, which belongs to an encrypted token"
            )));
        }
    }
    match text_member(members, "cty")?.map(without_application_prefix) {
        Some(nested) if nested.eq_ignore_ascii_case("JWT") => {
            Err(malformed("nested tokens are not supported"))
        }
        _ => Ok(()),
    }
}

fn check_ignored_members(members: &Map<String, Value>) -> Result<(), TokenError> {
    for name in ["jku", "x5u", "x5t", "x5t#S256"] {
        text_member(members, name)?;
    }
    if members.get("jwk").is_some_and(|jwk| !jwk.is_object()) {
        return Err(malformed("the header's `jwk` is no object"));
    }
    if members.get("x5c").is_some_and(|chain| !chain.is_array()) {
        return Err(malformed("the header's `x5c` is no array"));
    }
    Ok(())
}

fn algorithm(members: &Map<String, Value>) -> Result<JwsAlgorithm, TokenError> {
    let name = text_member(members, "alg")?.ok_or_else(|| malformed("the header has no `alg`"))?;
    JwsAlgorithm::from_name(name).ok_or_else(|| {
        let detail = format!(
            "the header's `alg` is \"{}\", which is not verified here",
            Printable(name)
        );
        TokenError::new(Reason::AlgorithmNotAllowed, detail)
    })
}

fn key_id(members: &Map<String, Value>) -> Result<Option<KeyId>, TokenError> {
    let Some(text) = text_member(members, "kid")? else {
        return Ok(None);
    };
    match KeyId::new(text) {
        Some(key_id) => Ok(Some(key_id)),
        None => Err(malformed(format!(
            "the header's `kid` is longer than {} bytes",
            KeyId::MAX_LENGTH
        ))),
    }
}

fn text_member<'header>(
    members: &'header Map<String, Value>,
    name: &str,
) -> Result<Option<&'header str>, TokenError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(malformed(format!("the header's `{name}` is no string"))),
    }
}

/// RFC 7515 §4.1.9 lets a sender leave out `application/`.
pub(crate) fn without_application_prefix(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match media_type.get(..PREFIX.len()) {
        Some(start) if start.eq_ignore_ascii_case(PREFIX) => {
            media_type.get(PREFIX.len()..).unwrap_or_default()
        }
        _ => media_type,
    }
}

fn malformed(detail: impl Into<String>) -> TokenError {
    TokenError::new(Reason::MalformedToken, detail)
}
