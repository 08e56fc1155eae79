//! FusionAuth: `aud` is the client for people and the target entity for programs; the header carries `gty`.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{hex, random_uuid, with, x5c, x5t},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "acme.fusionauth.io";
const TENANT: &str = "d7d09513-a3f5-401c-9685-34ab6c552453";
const USER: &str = "00000000-0000-0000-0000-111111111111";
/// The entity that a program asks for with the scope `target-entity:{id}`.
const ENTITY: &str = "92dbded4-30a1-4e6c-9f0e-d7a5ba6c2b1f";

/// A tenant whose issuer is its own address.
#[derive(Debug)]
pub(crate) struct FusionAuth;

impl Provider for FusionAuth {
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
            .jwks("/.well-known/jwks.json")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, "/oauth2/userinfo"),
                "end_session_endpoint": site.url(HOST, "/oauth2/logout"),
                "grant_types_supported": ["authorization_code", "password", "implicit", "refresh_token"],
            }),
        );
        vec![Document::new("/.well-known/openid-configuration", body)]
    }

    fn clients(&self) -> [&'static str; 2] {
        [
            "e9fdb985-9173-4e01-9d73-ac2d60d1dc8e",
            "092dbded-30af-4149-9c61-b578f2c72f59",
        ]
    }

    fn kid(&self, key: &SigningKey) -> String {
        hex(&key.thumbprint, 9)
    }

    fn jwk(&self, _site: &Site, key: &SigningKey) -> Value {
        json!({"x5t": x5t(key), "x5c": x5c(key)})
    }

    fn header(&self, ask: &Ask<'_>, _key: &SigningKey) -> Value {
        let grant = match ask.for_client {
            true => "client_credentials",
            false => "authorization_code",
        };
        json!({"typ": "JWT", "gty": [grant]})
    }

    fn target<'a>(&self, _asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(None)
    }

    fn audience(&self, _resource: &str) -> String {
        format!("{} {ENTITY}", self.clients()[0])
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(with(
                person(ask),
                json!({"scope": ask.scope_claim(), "roles": ["ops"]}),
            )),
            Kind::Machine => Token::Signed(machine(ask)),
            Kind::Id => Token::Signed(with(
                person(ask),
                json!({"at_hash": "kRZ8exampleHash0000000", "nonce": ask.nonce}),
            )),
            Kind::Refresh | Kind::Opaque => Token::Nothing,
        }
    }
}

/// What an access token and an ID token of a person share.
fn person(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.client,
        "sub": ask.subject_or(USER),
        "jti": random_uuid(),
        "authenticationType": "PASSWORD",
        "applicationId": ask.client,
        "tid": ask.tenant_or(TENANT),
        "sid": random_uuid(),
        "auth_time": ask.issued_at(),
        "email": ask.user.email,
        "email_verified": true,
    }))
}

fn machine(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ENTITY,
        "sub": ask.subject_or(ask.client),
        "jti": random_uuid(),
        "tid": ask.tenant_or(TENANT),
        "permissions": {ENTITY: ["read"]},
    }))
}
