//! A server that passes itself off as somebody, and tokens taken apart.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, Validation, jwk::JwkSet};
use oauthgate_dev_issuer::{Changes, Emulation, Kind};
use serde_json::{Value, json};

use crate::support::{Server, text};

/// The API that tokens are asked for.
pub(crate) const API: &str = "https://mcp.example.com/mcp";

/// The server and its loopback origin.
pub(crate) struct Emulated {
    pub(crate) emulation: Emulation,
    pub(crate) server: Server,
    pub(crate) origin: String,
}

pub(crate) async fn emulate(name: &str) -> Emulated {
    start(name, false).await
}

/// With the provider's own host names.
pub(crate) async fn emulate_by_name(name: &str) -> Emulated {
    start(name, true).await
}

async fn start(name: &str, real_names: bool) -> Emulated {
    let emulation = Emulation::named(name).unwrap();
    let server = Server::start(|options| {
        options.emulation = Some(emulation);
        options.real_names = real_names;
        options.resources.clear();
        options.auto_consent = true;
    })
    .await;
    let origin = server.root("");
    Emulated {
        emulation,
        server,
        origin,
    }
}

/// A token taken apart, not verified.
pub(crate) struct Parts {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Parts {
    pub(crate) fn of(token: &str) -> Self {
        let part = |index| {
            let encoded = token.split('.').nth(index).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
        };
        Self {
            header: part(0),
            claims: part(1),
        }
    }
}

impl Emulated {
    pub(crate) fn issuer(&self) -> &str {
        self.server.issuer()
    }

    /// An URL as the provider's documents write it on loopback.
    pub(crate) fn at(&self, path: &str) -> Value {
        json!(format!("{}{path}", self.origin))
    }

    pub(crate) fn token(&self, kind: Kind) -> Parts {
        self.changed(kind, Changes::default())
    }

    pub(crate) fn changed(&self, kind: Kind, changes: Changes) -> Parts {
        Parts::of(&self.server.issuer.emulated_token(kind, changes))
    }

    pub(crate) async fn document(&self, path: &str) -> Value {
        self.server.json(&self.server.root(path)).await
    }

    pub(crate) async fn status(&self, path: &str) -> u16 {
        let request = self.server.http.get(self.server.root(path));
        request.send().await.unwrap().status().as_u16()
    }

    /// The published keys, as they are.
    pub(crate) async fn keys(&self, path: &str) -> Vec<Value> {
        self.document(path).await["keys"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Whether the key set holds the key of this token's signature; by another library than ours.
    pub(crate) fn verifies(&self, token: &str, keys: &Value) -> bool {
        let header = jsonwebtoken::decode_header(token).unwrap();
        let keys: JwkSet = serde_json::from_value(keys.clone()).unwrap();
        let Some(jwk) = keys.find(header.kid.as_deref().unwrap()) else {
            return false;
        };
        let mut validation = Validation::new(header.alg);
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp"]);
        let key = DecodingKey::from_jwk(jwk).unwrap();
        jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
    }

    /// Mints over the control API.
    pub(crate) async fn minted(&self, order: &Value) -> String {
        let request = self.server.http.post(self.server.root("/control/mint"));
        let answer: Value = request
            .json(order)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        text(&answer["access_token"]).to_owned()
    }
}

/// The member names of an object, sorted.
pub(crate) fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

/// The words of a line, sorted, to compare with [`names`].
pub(crate) fn sorted(line: &str) -> Vec<&str> {
    let mut words: Vec<_> = line.split_whitespace().collect();
    words.sort_unstable();
    words
}
