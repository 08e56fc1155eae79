//! Stytch: an issuer without a scheme, or the project's domain, whichever was called; keys under a third address; the
//! organisation is an object under an URL.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_uuid, uuid},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const DOMAIN: &str = "acme.customers.stytch.dev";
const API_HOST: &str = "test.stytch.com";
const PROJECT: &str = "project-test-11111111-1111-4111-8111-111111111111";
const USER: &str = "member-test-22222222-2222-4222-8222-222222222222";
const ORGANIZATION: &str = "organization-test-33333333-3333-4333-8333-333333333333";

/// A project, by the name that was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stytch {
    /// Stytch's own name.
    Project,
    /// The project's domain.
    Domain,
}

impl Provider for Stytch {
    fn hosts(&self) -> &'static [&'static str] {
        &[DOMAIN, API_HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        match self {
            Self::Project => format!("stytch.com/{PROJECT}"),
            Self::Domain => site.url(DOMAIN, ""),
        }
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(DOMAIN)
            .authorize("/oauth/authorize")
            .token("/v1/oauth2/token")
            .register("/v1/oauth2/register")
            .revoke("/v1/oauth2/revoke")
            .introspect("/v1/oauth2/introspect")
            .keys_at(API_HOST)
            .jwks(format!("/v1/sessions/jwks/{PROJECT}"))
            .jwks(format!("/v1/b2b/sessions/jwks/{PROJECT}"))
    }

    /// At the domain, which they name.
    fn documents(&self, site: &Site) -> Vec<Document> {
        Document::everywhere(
            &[
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
            ],
            &self.endpoints().metadata(site, &site.url(DOMAIN, "")),
        )
    }

    fn clients(&self) -> [&'static str; 2] {
        [
            "connected-app-test-44444444-4444-4444-8444-444444444444",
            "m2m-client-test-55555555-5555-4555-8555-555555555555",
        ]
    }

    fn kid(&self, key: &SigningKey) -> String {
        format!("jwk-test-{}", uuid(&key.thumbprint))
    }

    fn jwk(&self, _site: &Site, _key: &SigningKey) -> Value {
        json!({"key_ops": ["verify"]})
    }

    fn target<'a>(&self, _asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(None)
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(user(ask)),
            Kind::Machine => Token::Signed(machine(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh | Kind::Opaque => Token::Nothing,
        }
    }

    fn audience(&self, _resource: &str) -> String {
        PROJECT.to_owned()
    }

    fn settings(&self, site: &Site) -> Vec<(&'static str, String)> {
        let keys = site.url(API_HOST, &format!("/v1/sessions/jwks/{PROJECT}"));
        vec![("OAUTHGATE_JWKS_URL", keys)]
    }
}

fn organization(ask: &Ask<'_>) -> Value {
    json!({"organization_id": ask.tenant_or(ORGANIZATION), "slug": "acme"})
}

fn user(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "nbf": ask.issued_at(),
        "aud": [ask.client, PROJECT],
        "sub": ask.subject_or(USER),
        "client_id": ask.client,
        "scope": ask.scope_claim(),
        "jti": random_uuid(),
        "https://stytch.com/organization": organization(ask),
    }))
}

fn machine(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "nbf": ask.issued_at(),
        "aud": [PROJECT],
        "sub": ask.subject_or(ask.client),
        "client_id": ask.client,
        "scope": ask.scope_claim(),
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "nbf": ask.issued_at(),
        "aud": [ask.client],
        "sub": ask.subject_or(USER),
        "nonce": ask.nonce,
        "name": ask.user.name,
        "email": ask.user.email,
        "https://stytch.com/organization": organization(ask),
    }))
}
