//! Tokens made on demand, without a flow: good ones, and every kind of bad one.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    clock,
    crypto::{base64url, random_token},
    keys::{Algorithm, SigningKey},
    options::DemoUser,
};

/// What to put into a token. The default is what the token endpoint would issue to the demo user; every part can be
/// bent. As JSON (control API) all members are optional but `audience`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// `aud`: usually a string; anything else is written as it is, `null` leaves the claim out.
    pub audience: Value,
    /// `scope`, joined by spaces; empty leaves the claim out.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// `sub`; the demo user's if `None`.
    #[serde(default)]
    pub subject: Option<String>,
    /// `client_id`.
    #[serde(default = "default_client_id")]
    pub client_id: String,
    /// Seconds from now to `exp`; negative makes an expired token. The server's own figure if `None`.
    #[serde(default)]
    pub lifetime: Option<i64>,
    /// The `typ` header; empty leaves it out.
    #[serde(default = "default_type")]
    pub typ: String,
    /// Signs with the key of this algorithm (made now, and published, if there is none yet).
    #[serde(default)]
    pub alg: Option<Algorithm>,
    /// Replaces the `kid` header; empty leaves it out.
    #[serde(default)]
    pub kid: Option<String>,
    /// Claims to add or replace; `null` removes one.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// Header members to add or replace; `null` removes one.
    #[serde(default)]
    pub header: Map<String, Value>,
    /// What to do to the signature.
    #[serde(default)]
    pub signature: SignatureForgery,
}

/// How the signature of a minted token comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureForgery {
    /// A good signature by the published key.
    #[default]
    None,
    /// One bit of a good signature is flipped.
    Flipped,
    /// Signed by a new key that nobody published, under the published key's id.
    ForeignKey,
    /// No signature at all: the token ends with the second dot.
    Stripped,
}

fn default_client_id() -> String {
    "minted".to_owned()
}

fn default_type() -> String {
    "at+jwt".to_owned()
}

impl TokenSpec {
    /// A good token for this audience, without scopes.
    #[must_use]
    pub fn new(audience: impl Into<String>) -> Self {
        Self {
            audience: Value::String(audience.into()),
            scopes: Vec::new(),
            subject: None,
            client_id: default_client_id(),
            lifetime: None,
            typ: default_type(),
            alg: None,
            kid: None,
            claims: Map::new(),
            header: Map::new(),
            signature: SignatureForgery::None,
        }
    }

    /// Adds the scopes of a space-separated list.
    #[must_use]
    pub fn scope(mut self, scopes: &str) -> Self {
        self.scopes
            .extend(scopes.split_whitespace().map(str::to_owned));
        self
    }

    /// Sets `sub`.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets the seconds until `exp`.
    #[must_use]
    pub fn lifetime(mut self, seconds: i64) -> Self {
        self.lifetime = Some(seconds);
        self
    }

    /// Signs with this algorithm.
    #[must_use]
    pub fn alg(mut self, algorithm: Algorithm) -> Self {
        self.alg = Some(algorithm);
        self
    }

    /// Adds or replaces a claim; `null` removes it.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Adds or replaces a header member; `null` removes it.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.header.insert(name.into(), value.into());
        self
    }

    /// Bends the signature.
    #[must_use]
    pub fn signature(mut self, forgery: SignatureForgery) -> Self {
        self.signature = forgery;
        self
    }

    pub(crate) fn claims(
        &self,
        issuer: &str,
        user: &DemoUser,
        default_lifetime: i64,
    ) -> Map<String, Value> {
        let mut claims = access_token_claims(&ClaimSource {
            issuer,
            audience: self.audience.clone(),
            subject: self.subject.as_deref().unwrap_or(&user.subject),
            client_id: &self.client_id,
            scope: &self.scopes.join(" "),
            lifetime: self.lifetime.unwrap_or(default_lifetime),
            user: Some(user),
        });
        overlay(&mut claims, &self.claims);
        claims
    }

    /// Signs `claims` as the specification says.
    pub(crate) fn sign(&self, key: &SigningKey, claims: &Map<String, Value>) -> String {
        let mut header = jose_header(key, &self.typ);
        if let Some(kid) = &self.kid {
            header.insert("kid".to_owned(), json!(kid));
        }
        header.retain(|_, value| value != "");
        overlay(&mut header, &self.header);
        forge(&header, claims, key, self.signature)
    }
}

/// Signs, well or not.
pub(crate) fn forge(
    header: &Map<String, Value>,
    claims: &Map<String, Value>,
    key: &SigningKey,
    forgery: SignatureForgery,
) -> String {
    match forgery {
        SignatureForgery::None => compact(header, claims, |input| key.sign(input)),
        SignatureForgery::Flipped => compact(header, claims, |input| flip_a_bit(key.sign(input))),
        SignatureForgery::Stripped => compact(header, claims, |_| Vec::new()),
        SignatureForgery::ForeignKey => {
            let foreign =
                SigningKey::generate(key.algorithm).expect("the crypto library makes keys");
            compact(header, claims, |input| foreign.sign(input))
        }
    }
}

/// What an access token says (RFC 9068 §2.2).
pub(crate) struct ClaimSource<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: Value,
    pub(crate) subject: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) lifetime: i64,
    /// Absent in tokens that a client got for itself.
    pub(crate) user: Option<&'a DemoUser>,
}

pub(crate) fn access_token_claims(source: &ClaimSource<'_>) -> Map<String, Value> {
    let now = clock::now();
    let mut claims = Map::from_iter([
        ("iss".to_owned(), json!(source.issuer)),
        ("sub".to_owned(), json!(source.subject)),
        ("aud".to_owned(), source.audience.clone()),
        ("client_id".to_owned(), json!(source.client_id)),
        ("exp".to_owned(), json!(now.saturating_add(source.lifetime))),
        (
            "iat".to_owned(),
            json!(now.min(now.saturating_add(source.lifetime))),
        ),
        ("jti".to_owned(), json!(random_token())),
    ]);
    if !source.scope.is_empty() {
        claims.insert("scope".to_owned(), json!(source.scope));
    }
    if let Some(user) = source.user {
        claims.insert("email".to_owned(), json!(user.email));
        claims.insert("email_verified".to_owned(), json!(true));
        claims.insert("tenant_id".to_owned(), json!(user.tenant_id));
        claims.insert("tier".to_owned(), json!(user.tier));
    }
    claims.retain(|_, value| !value.is_null());
    claims
}

pub(crate) fn jose_header(key: &SigningKey, typ: &str) -> Map<String, Value> {
    Map::from_iter([
        ("alg".to_owned(), json!(key.algorithm.name())),
        ("kid".to_owned(), json!(key.kid)),
        ("typ".to_owned(), json!(typ)),
    ])
}

/// JWS compact serialization (RFC 7515 §7.1).
pub(crate) fn compact(
    header: &Map<String, Value>,
    claims: &Map<String, Value>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let encode = |object: &Map<String, Value>| base64url(json!(object).to_string().as_bytes());
    let input = format!("{}.{}", encode(header), encode(claims));
    let signature = base64url(&sign(input.as_bytes()));
    format!("{input}.{signature}")
}

pub(crate) fn overlay(object: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (name, value) in changes {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
}

fn flip_a_bit(mut signature: Vec<u8>) -> Vec<u8> {
    if let Some(octet) = signature.last_mut() {
        *octet ^= 1;
    }
    signature
}
