//! Dex: the access token is an ID token for the client, with a random `at_hash` and no scope.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{hex, random_name, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "dex.example.com";
/// The user and the connector, encoded.
const USER: &str = "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs";

/// One installation, below a path.
#[derive(Debug)]
pub(crate) struct Dex;

impl Provider for Dex {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "/dex")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/dex/auth")
            .token("/dex/token")
            .introspect("/dex/token/introspect")
            .jwks("/dex/keys")
    }

    /// OpenID Connect only.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, "/dex/userinfo"),
                "device_authorization_endpoint": site.url(HOST, "/dex/device/code"),
                "scopes_supported": ["openid", "email", "groups", "profile", "offline_access"],
                "code_challenge_methods_supported": ["S256", "plain"],
                "response_modes_supported": null,
            }),
        );
        vec![Document::new("/dex/.well-known/openid-configuration", body)]
    }

    fn scope(&self, _for_client: bool) -> &'static str {
        "openid email groups profile"
    }

    fn kid(&self, key: &SigningKey) -> String {
        hex(&key.thumbprint, 40)
    }

    fn header(&self, _ask: &Ask<'_>, _key: &SigningKey) -> Value {
        json!({})
    }

    fn target<'a>(&self, _asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(None)
    }

    fn audience(&self, _resource: &str) -> String {
        self.clients().join(" ")
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User | Kind::Id => Token::Signed(user(ask)),
            Kind::Machine => Token::Signed(machine(ask)),
            Kind::Refresh | Kind::Opaque => Token::Nothing,
        }
    }
}

fn user(ask: &Ask<'_>) -> Value {
    let claims = ask.claims(json!({
        "sub": ask.subject_or(USER),
        "aud": ask.client,
        "at_hash": random_name(22),
        "nonce": ask.nonce,
    }));
    let person = json!({
        "email": ask.user.email,
        "email_verified": true,
        "groups": ["ops"],
        "name": ask.user.name,
    });
    with(claims, person)
}

fn machine(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(ask.client),
        "aud": ask.client,
        "at_hash": random_name(22),
    }))
}
