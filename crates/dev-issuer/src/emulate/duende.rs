//! Duende IdentityServer with its defaults: `at+jwt`, `scope` as an array, no `sub` for programs.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{hex, random_name, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "id.example.com";
const USER: &str = "818727";

/// One installation with an API resource for what is asked for.
#[derive(Debug)]
pub(crate) struct Duende;

impl Provider for Duende {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/connect/authorize")
            .token("/connect/token")
            .introspect("/connect/introspect")
            .revoke("/connect/revocation")
            .jwks("/.well-known/openid-configuration/jwks")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, "/connect/userinfo"),
                "end_session_endpoint": site.url(HOST, "/connect/endsession"),
                "code_challenge_methods_supported": ["plain", "S256"],
            }),
        );
        Document::everywhere(
            &[
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
            ],
            &body,
        )
    }

    fn clients(&self) -> [&'static str; 2] {
        ["web", "m2m.client"]
    }

    fn scope(&self, for_client: bool) -> &'static str {
        match for_client {
            true => "mcp:tools",
            false => "openid mcp:tools",
        }
    }

    fn kid(&self, key: &SigningKey) -> String {
        hex(&key.thumbprint, 32).to_uppercase()
    }

    fn header(&self, ask: &Ask<'_>, _key: &SigningKey) -> Value {
        match ask.kind.is_access_token() {
            true => json!({"typ": "at+jwt"}),
            false => json!({"typ": "JWT"}),
        }
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(with(access(ask), person(ask))),
            Kind::Machine => Token::Signed(access(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh => Token::opaque("", json!({})),
            Kind::Opaque => Token::opaque("", with(access(ask), json!({"sub": subject(ask)}))),
        }
    }
}

fn subject<'a>(ask: &'a Ask<'_>) -> Option<&'a str> {
    match ask.for_client {
        true => ask.subject,
        false => Some(ask.subject_or(USER)),
    }
}

fn identifier() -> String {
    hex(&crate::crypto::sha256(random_name(32).as_bytes()), 32).to_uppercase()
}

fn access(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "nbf": ask.issued_at(),
        "aud": ask.audience,
        "scope": ask.scopes(),
        "client_id": ask.client,
        "sub": subject(ask),
        "jti": identifier(),
    }))
}

fn person(ask: &Ask<'_>) -> Value {
    json!({
        "amr": ["pwd"],
        "auth_time": ask.issued_at(),
        "idp": "local",
        "sid": identifier(),
    })
}

fn id(ask: &Ask<'_>) -> Value {
    let claims = ask.claims(json!({
        "nbf": ask.issued_at(),
        "aud": ask.client,
        "nonce": ask.nonce,
        "at_hash": "kRZ8exampleHash0000000",
        "sub": ask.subject_or(USER),
    }));
    with(claims, person(ask))
}
