//! Scalekit: metadata of each MCP server below `/resources/`, tokens of the environment; `oid` is the organization, and
//! programs get `scopes` as an array without any `aud`.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::with,
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "acme.scalekit.com";
const RESOURCE: &str = "/resources/res_69038819013296423";
const ORGANIZATION: &str = "org_59615193906282635";
const USER: &str = "usr_69038819013296001";

/// An environment with one MCP server.
#[derive(Debug)]
pub(crate) struct Scalekit;

impl Provider for Scalekit {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/oauth/authorize")
            .token("/oauth/token")
            .register("/oauth/register")
            .jwks("/keys")
    }

    /// The environment's document, and the one of the resource that clients are led to, which names itself.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let of_resource = with(usual.clone(), json!({"issuer": site.url(HOST, RESOURCE)}));
        vec![
            Document::new("/.well-known/openid-configuration", usual),
            Document::new(
                format!("/.well-known/oauth-authorization-server{RESOURCE}"),
                of_resource,
            ),
        ]
    }

    fn clients(&self) -> [&'static str; 2] {
        ["skc_69038819013296002", "m2morg_69038819013296423"]
    }

    fn kid(&self, key: &SigningKey) -> String {
        format!("snk_{}", number(&key.thumbprint))
    }

    /// A program's token is bound to no API.
    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(user(ask)),
            Kind::Machine => Token::Signed(machine(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh | Kind::Opaque => Token::Nothing,
        }
    }

    fn settings(&self, site: &Site) -> Vec<(&'static str, String)> {
        vec![
            ("OAUTHGATE_AUTHORIZATION_SERVERS", site.url(HOST, RESOURCE)),
            (
                "OAUTHGATE_MISSING_AUDIENCE_CLIENTS",
                self.clients()[1].to_owned(),
            ),
        ]
    }
}

fn number(octets: &[u8]) -> String {
    let digits: String = octets
        .iter()
        .map(|octet| (octet % 10).to_string())
        .collect();
    format!("69{}", digits.get(..15).unwrap_or_default())
}

fn token_id() -> String {
    let random = crate::crypto::sha256(crate::crypto::random_token().as_bytes());
    format!("tkn_{}", number(&random))
}

fn user(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(USER),
        "aud": ask.audience.map(|api| json!([api])),
        "client_id": ask.client,
        "oid": ask.tenant_or(ORGANIZATION),
        "scope": ask.scope_claim(),
        "permissions": ["tools:read"],
        "roles": ["ops"],
        "jti": token_id(),
        "nbf": ask.issued_at(),
    }))
}

fn machine(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "client_id": ask.client,
        "jti": token_id(),
        "nbf": ask.issued_at(),
        "oid": ask.tenant_or(ORGANIZATION),
        "scopes": ask.scopes(),
        "sub": ask.subject_or(ask.client),
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(USER),
        "aud": [ask.client],
        "azp": ask.client,
        "oid": ask.tenant_or(ORGANIZATION),
        "email": ask.user.email,
        "email_verified": true,
        "name": ask.user.name,
        "nonce": ask.nonce,
        "at_hash": "kRZ8exampleHash0000000",
    }))
}
