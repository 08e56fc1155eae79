//! Casdoor: access tokens, ID tokens and refresh tokens are JWTs of one key and one audience; only `tokenType` tells the
//! refresh token, and the ID token is the access token itself.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_uuid, with, x5c},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "door.example.com";
const OWNER: &str = "built-in";
/// Who owns every application.
const ADMIN: &str = "admin";
const APPLICATION: &str = "app-mcp";
const USER: &str = "9f2c1d7e-4b6a-4c58-8e03-1a2b3c4d5e6f";
const KEYS: &str = "/.well-known/jwks";

/// One installation.
#[derive(Debug)]
pub(crate) struct Casdoor;

impl Provider for Casdoor {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "")
    }

    /// Each application has a key set of its own, under the same issuer.
    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/login/oauth/authorize")
            .token("/api/login/oauth/access_token")
            .introspect("/api/login/oauth/introspect")
            .register("/api/oauth/register")
            .jwks(KEYS)
            .jwks("/.well-known/app-mcp/jwks")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, "/api/userinfo"),
                "end_session_endpoint": site.url(HOST, "/api/logout"),
                "response_types_supported": ["code", "token", "id_token"],
            }),
        );
        let of_application = with(
            body.clone(),
            json!({"jwks_uri": site.url(HOST, "/.well-known/app-mcp/jwks")}),
        );
        let mut documents = Document::everywhere(
            &[
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
            ],
            &body,
        );
        documents.push(Document::new(
            "/.well-known/app-mcp/openid-configuration",
            of_application,
        ));
        documents
    }

    fn clients(&self) -> [&'static str; 2] {
        ["Xk3example0000000000", "Mk9example0000000000"]
    }

    /// The certificate's name; a new certificate has a new one.
    fn kid(&self, key: &SigningKey) -> String {
        format!("cert-{}", super::shape::hex(&key.thumbprint, 6))
    }

    fn jwk(&self, _site: &Site, key: &SigningKey) -> Value {
        json!({"x5c": x5c(key)})
    }

    fn audience(&self, resource: &str) -> String {
        format!("{} {resource}", self.clients().join(" "))
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User | Kind::Id => Token::Signed(token(ask, "access-token", ask.audience)),
            Kind::Machine => Token::Signed(token(ask, "access-token", None)),
            Kind::Refresh => Token::Signed(token(ask, "refresh-token", ask.audience)),
            Kind::Opaque => Token::Nothing,
        }
    }
}

fn token(ask: &Ask<'_>, token_type: &str, api: Option<&str>) -> Value {
    if ask.for_client {
        let application = json!({
            "owner": ADMIN,
            "name": APPLICATION,
            "type": "application",
            "sub": ask.subject_or(&format!("{ADMIN}/{APPLICATION}")),
        });
        return with(common(ask, token_type, api), application);
    }
    let person = json!({
        "owner": ask.tenant_or(OWNER),
        "name": "ana",
        "sub": ask.subject_or(USER),
    });
    with(common(ask, token_type, api), person)
}

fn common(ask: &Ask<'_>, token_type: &str, api: Option<&str>) -> Value {
    ask.claims(json!({
        "tokenType": token_type,
        "scope": ask.scope,
        "azp": ask.client,
        "aud": [api.unwrap_or(ask.client)],
        "nbf": ask.issued_at(),
        "nonce": ask.nonce,
        "jti": format!("admin/{}", random_uuid()),
    }))
}
