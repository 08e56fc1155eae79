//! PingOne: no `sub` and no `sid` for programs, ID tokens signed with the same key.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_uuid, uuid, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "auth.pingone.com";
const ENVIRONMENT: &str = "5c1e7a30-9b2d-4f0a-8f55-2c6d8e4b7a11";
const USER: &str = "7a8b9c0d-1e2f-4a3b-8c4d-5e6f7a8b9c0d";

/// An environment with a custom resource for what is asked for.
#[derive(Debug)]
pub(crate) struct PingOne;

impl Provider for PingOne {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, tenant: Option<&str>) -> String {
        site.url(HOST, &format!("/{}/as", tenant.unwrap_or(ENVIRONMENT)))
    }

    fn endpoints(&self) -> Endpoints {
        let path = |name: &str| format!("/{ENVIRONMENT}/as/{name}");
        Endpoints::at(HOST)
            .authorize(path("authorize"))
            .token(path("token"))
            .introspect(path("introspect"))
            .revoke(path("revoke"))
            .jwks(path("jwks"))
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, &format!("/{ENVIRONMENT}/as/userinfo")),
                "scopes_supported": ["openid", "profile", "email", "address", "phone"],
                "response_modes_supported": ["pi.flow", "query", "fragment", "form_post"],
            }),
        );
        let path = format!("/{ENVIRONMENT}/as/.well-known/openid-configuration");
        vec![Document::new(path, body)]
    }

    fn clients(&self) -> [&'static str; 2] {
        [
            "0f3d2c1b-4a59-4687-9d0e-1f2a3b4c5d6e",
            "0f3d2c1b-4a59-4687-9d0e-1f2a3b4c5d6f",
        ]
    }

    fn kid(&self, key: &SigningKey) -> String {
        uuid(&key.thumbprint)
    }

    fn header(&self, _ask: &Ask<'_>, _key: &SigningKey) -> Value {
        json!({})
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(with(access(ask), person(ask))),
            Kind::Machine => Token::Signed(access(ask)),
            Kind::Id => Token::Signed(with(id(ask), person(ask))),
            Kind::Refresh | Kind::Opaque => Token::Nothing,
        }
    }
}

fn access(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "client_id": ask.client,
        "aud": ask.audience.map_or_else(|| json!(["https://api.pingone.com"]), |api| json!([api])),
        "scope": ask.scope_claim(),
        "sub": ask.subject,
    }))
}

fn person(ask: &Ask<'_>) -> Value {
    json!({"sub": ask.subject_or(USER), "sid": random_uuid()})
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.client,
        "auth_time": ask.issued_at(),
        "acr": "Single_Factor",
        "amr": ["pwd"],
        "nonce": ask.nonce,
        "at_hash": "kRZ8exampleHash0000000",
        "env": ENVIRONMENT,
    }))
}
