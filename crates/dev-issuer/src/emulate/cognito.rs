//! Amazon Cognito: no `typ`, no `aud` without a bound resource, one key for ID tokens and another for access tokens.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_uuid, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::{Algorithm, SigningKey};

const HOST: &str = "cognito-idp.eu-west-1.amazonaws.com";
/// Where people log in.
const LOGIN: &str = "acme.auth.eu-west-1.amazoncognito.com";
const POOL: &str = "eu-west-1_Ab12Cd34E";
const USER: &str = "6f1c2c1e-8a54-4a0b-9d0e-0e4f0c2f9a11";

/// A user pool.
#[derive(Debug)]
pub(crate) struct Cognito;

impl Provider for Cognito {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST, LOGIN]
    }

    fn issuer(&self, site: &Site, tenant: Option<&str>) -> String {
        site.url(HOST, &format!("/{}", tenant.unwrap_or(POOL)))
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(LOGIN)
            .authorize("/oauth2/authorize")
            .token("/oauth2/token")
            .revoke("/oauth2/revoke")
            .keys_at(HOST)
            .jwks(format!("/{POOL}/.well-known/jwks.json"))
    }

    /// OpenID Connect only; it says nothing about PKCE.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "scopes_supported": ["openid", "email", "phone", "profile"],
                "response_types_supported": ["code", "token"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "userinfo_endpoint": site.url(LOGIN, "/oauth2/userInfo"),
                "end_session_endpoint": site.url(LOGIN, "/logout"),
                "response_modes_supported": null,
                "grant_types_supported": null,
                "code_challenge_methods_supported": null,
            }),
        );
        vec![Document::new(
            format!("/{POOL}/.well-known/openid-configuration"),
            body,
        )]
    }

    fn clients(&self) -> [&'static str; 2] {
        ["4exampleclientid0000000000", "7machineclientid0000000000"]
    }

    fn scope(&self, for_client: bool) -> &'static str {
        match for_client {
            true => "tools/read",
            false => "openid tools/read",
        }
    }

    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::Rs256, Algorithm::Rs256]
    }

    fn signer(&self, kind: Kind) -> usize {
        usize::from(kind == Kind::Id)
    }

    fn kid(&self, key: &SigningKey) -> String {
        STANDARD.encode(&key.thumbprint)
    }

    fn header(&self, _ask: &Ask<'_>, _key: &SigningKey) -> Value {
        json!({})
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(user(ask)),
            Kind::Machine => Token::Signed(machine(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh | Kind::Opaque => Token::Nothing,
        }
    }

    /// The clients, because most access tokens have no `aud`.
    fn audience(&self, resource: &str) -> String {
        let [person, machine] = self.clients();
        format!("{resource} {person} {machine}")
    }
}

fn user(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(USER),
        "cognito:groups": ["ops"],
        "version": 2,
        "client_id": ask.client,
        "aud": ask.audience,
        "origin_jti": random_uuid(),
        "event_id": random_uuid(),
        "token_use": "access",
        "scope": ask.scope_claim(),
        "auth_time": ask.issued_at(),
        "jti": random_uuid(),
        "username": "ana",
    }))
}

/// `resource` does nothing here.
fn machine(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(ask.client),
        "token_use": "access",
        "scope": ask.scope_claim(),
        "auth_time": ask.issued_at(),
        "version": 2,
        "jti": random_uuid(),
        "client_id": ask.client,
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(USER),
        "cognito:groups": ["ops"],
        "email_verified": true,
        "cognito:username": "ana",
        "origin_jti": random_uuid(),
        "aud": ask.client,
        "event_id": random_uuid(),
        "token_use": "id",
        "auth_time": ask.issued_at(),
        "nonce": ask.nonce,
        "jti": random_uuid(),
        "email": ask.user.email,
    }))
}
