//! Keycloak: `typ` is a claim, `aud` is `account` unless a mapper or `resource` says more, refresh tokens are JWTs with
//! a key of their own, and an encryption key lies in the set.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_uuid, with, x5c, x5t},
    site::{Document, Endpoints, Site},
};
use crate::{crypto::base64url, keys::SigningKey};

const HOST: &str = "sso.example.com";
const REALM: &str = "acme";
const USER: &str = "11e0e928-7102-45b2-a966-8a7db1233bf7";
const SERVICE_ACCOUNT: &str = "5a2f7c04-3a53-4d5c-8a8e-0d7f6a1b2c3d";

/// A realm with an audience mapper for the API that is asked for.
#[derive(Debug)]
pub(crate) struct Keycloak;

impl Provider for Keycloak {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, tenant: Option<&str>) -> String {
        site.url(HOST, &format!("/realms/{}", tenant.unwrap_or(REALM)))
    }

    fn endpoints(&self) -> Endpoints {
        let path = |name: &str| format!("/realms/{REALM}/protocol/openid-connect/{name}");
        Endpoints::at(HOST)
            .authorize(path("auth"))
            .token(path("token"))
            .introspect(path("token/introspect"))
            .revoke(path("revoke"))
            .jwks(path("certs"))
            .register(format!(
                "/realms/{REALM}/clients-registrations/openid-connect"
            ))
    }

    /// Appended for OpenID Connect, inserted for RFC 8414.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, &format!("/realms/{REALM}/protocol/openid-connect/userinfo")),
                "scopes_supported": ["openid", "profile", "email", "offline_access", "tools:read"],
                "id_token_signing_alg_values_supported": ["PS256", "RS256", "ES256", "EdDSA", "HS256"],
                "code_challenge_methods_supported": ["plain", "S256"],
                "authorization_response_iss_parameter_supported": true,
            }),
        );
        Document::everywhere(
            &[
                &format!("/realms/{REALM}/.well-known/openid-configuration"),
                &format!("/.well-known/oauth-authorization-server/realms/{REALM}"),
            ],
            &body,
        )
    }

    fn encryption_key(&self) -> Option<&'static str> {
        Some("RSA-OAEP")
    }

    fn kid(&self, key: &SigningKey) -> String {
        base64url(&key.thumbprint)
    }

    fn jwk(&self, _site: &Site, key: &SigningKey) -> Value {
        json!({"x5t": x5t(key), "x5c": x5c(key)})
    }

    fn names_itself(&self) -> bool {
        true
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(user(ask)),
            Kind::Machine => Token::Signed(machine(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh => Token::Signed(refresh(ask)),
            Kind::Opaque => Token::Nothing,
        }
    }
}

/// `account` is the client whose roles every user has; the API comes from its audience mapper.
fn audience(ask: &Ask<'_>) -> Value {
    match ask.audience {
        Some(api) => json!([api, "account"]),
        None => json!("account"),
    }
}

fn roles() -> Value {
    json!({
        "realm_access": {"roles": ["offline_access", "ops"]},
        "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
    })
}

fn user(ask: &Ask<'_>) -> Value {
    let claims = ask.claims(json!({
        "auth_time": ask.issued_at(),
        "jti": random_uuid(),
        "aud": audience(ask),
        "sub": ask.subject_or(USER),
        "typ": "Bearer",
        "azp": ask.client,
        "sid": random_uuid(),
        "acr": "1",
        "scope": ask.scope_claim(),
        "email_verified": true,
        "preferred_username": "ana",
        "email": ask.user.email,
    }));
    with(claims, roles())
}

fn machine(ask: &Ask<'_>) -> Value {
    let claims = ask.claims(json!({
        "jti": random_uuid(),
        "aud": audience(ask),
        "sub": ask.subject_or(SERVICE_ACCOUNT),
        "typ": "Bearer",
        "azp": ask.client,
        "acr": "1",
        "scope": ask.scope_claim(),
        "email_verified": false,
        "clientHost": "10.0.0.8",
        "clientAddress": "10.0.0.8",
        "client_id": ask.client,
        "preferred_username": format!("service-account-{}", ask.client),
    }));
    with(claims, roles())
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "auth_time": ask.issued_at(),
        "jti": random_uuid(),
        "aud": ask.client,
        "sub": ask.subject_or(USER),
        "typ": "ID",
        "azp": ask.client,
        "nonce": ask.nonce,
        "sid": random_uuid(),
        "acr": "1",
        "email_verified": true,
        "name": ask.user.name,
        "preferred_username": "ana",
        "email": ask.user.email,
    }))
}

/// For the realm itself.
fn refresh(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "jti": random_uuid(),
        "aud": ask.issuer,
        "sub": ask.subject_or(USER),
        "typ": "Refresh",
        "azp": ask.client,
        "sid": random_uuid(),
        "scope": ask.scope_claim(),
    }))
}
