//! authentik: the issuer is the application's path with its slash, `aud` is the client, access tokens carry the claims of
//! an ID token, and an encryption key lies in the set.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{hex, random_name, with, x5c, x5t},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "auth.example.com";
const SLUG: &str = "mcp";
const USER: &str = "b7f0c2d41e5a96830f7be1c4d2a59867";

/// One application, and its provider.
#[derive(Debug)]
pub(crate) struct Authentik;

impl Provider for Authentik {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, tenant: Option<&str>) -> String {
        site.url(HOST, &format!("/application/o/{}/", tenant.unwrap_or(SLUG)))
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/application/o/authorize/")
            .token("/application/o/token/")
            .introspect("/application/o/introspect/")
            .revoke("/application/o/revoke/")
            .jwks(format!("/application/o/{SLUG}/jwks/"))
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, "/application/o/userinfo/"),
                "end_session_endpoint": site.url(HOST, &format!("/application/o/{SLUG}/end-session/")),
                "code_challenge_methods_supported": ["plain", "S256"],
            }),
        );
        let path = format!("/application/o/{SLUG}/.well-known/openid-configuration");
        vec![Document::new(path, body)]
    }

    fn clients(&self) -> [&'static str; 2] {
        ["Xk3exampleClientId", "Mk9exampleMachineId"]
    }

    fn encryption_key(&self) -> Option<&'static str> {
        Some("RSA-OAEP-256")
    }

    fn kid(&self, key: &SigningKey) -> String {
        hex(&key.thumbprint, 32)
    }

    fn jwk(&self, _site: &Site, key: &SigningKey) -> Value {
        json!({"x5t": x5t(key), "x5c": x5c(key)})
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
            Kind::Id => Token::Signed(identity(ask)),
            Kind::Refresh => Token::Nothing,
            Kind::Opaque => Token::Nothing,
        }
    }
}

/// What both kinds of token say.
fn identity(ask: &Ask<'_>) -> Value {
    let name = if ask.for_client {
        "ak-mcp-client_credentials"
    } else {
        "ana"
    };
    let usual = ask.claims(json!({
        "sub": ask.subject_or(if ask.for_client { "5d1f0b7c9e8a4632b1f7be1c4d2a5986" } else { USER }),
        "aud": ask.client,
        "auth_time": ask.issued_at(),
        "acr": "goauthentik.io/providers/oauth2/default",
        "preferred_username": name,
        "groups": if ask.for_client { json!([]) } else { json!(["ops"]) },
        "nonce": ask.nonce,
    }));
    if ask.for_client {
        return usual;
    }
    let person = json!({
        "amr": ["pwd"],
        "sid": random_name(32).to_lowercase(),
        "email": ask.user.email,
        "email_verified": false,
    });
    with(usual, person)
}

fn access(ask: &Ask<'_>) -> Value {
    let own = json!({
        "azp": ask.client,
        "uid": random_name(40),
        "scope": ask.scope_claim(),
    });
    with(identity(ask), own)
}
