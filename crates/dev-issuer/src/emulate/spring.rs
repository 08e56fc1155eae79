//! Spring Authorization Server with its defaults: no `typ`, `aud` is the client, `scope` an array.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_name, random_uuid, uuid, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "auth.example.com";

/// One server.
#[derive(Debug)]
pub(crate) struct Spring;

impl Provider for Spring {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/oauth2/authorize")
            .token("/oauth2/token")
            .introspect("/oauth2/introspect")
            .revoke("/oauth2/revoke")
            .register("/connect/register")
            .jwks("/oauth2/jwks")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, "/userinfo"),
                "end_session_endpoint": site.url(HOST, "/connect/logout"),
                "tls_client_certificate_bound_access_tokens": true,
                "scopes_supported": ["openid"],
                "response_modes_supported": null,
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
        ["messaging-client", "batch-client"]
    }

    fn scope(&self, for_client: bool) -> &'static str {
        match for_client {
            true => "message.read",
            false => "openid message.read",
        }
    }

    fn kid(&self, key: &SigningKey) -> String {
        uuid(&key.thumbprint)
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
            Kind::User | Kind::Machine => Token::Signed(access(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh => Token::Nothing,
            Kind::Opaque => {
                let known = json!({"scope": ask.scope_claim(), "client_id": ask.client});
                Token::opaque("", with(access(ask), known))
            }
        }
    }
}

fn access(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(if ask.for_client { ask.client } else { "ana" }),
        "aud": ask.client,
        "nbf": ask.issued_at(),
        "scope": ask.scopes(),
        "jti": random_uuid(),
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or("ana"),
        "aud": ask.client,
        "azp": ask.client,
        "auth_time": ask.issued_at(),
        "nonce": ask.nonce,
        "sid": random_name(43),
        "jti": random_uuid(),
    }))
}
