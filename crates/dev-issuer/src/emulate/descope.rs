//! Descope: a project's session tokens name the bare project id as their issuer, refresh tokens are JWTs of the same
//! key (`drn` tells them apart), and permissions hang below the tenant.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::with,
    site::{Document, Endpoints, Site},
};
use crate::keys::{Algorithm, SigningKey};

const HOST: &str = "api.descope.com";
const PROJECT: &str = "P2OkfVnJi5Ht7mpCqHjx17nV5epH";
const MCP_SERVER: &str = "MS2abcDEF3ghiJKL4mnoPQR5stu";
const USER: &str = "U2OkfVnJi5Ht7mpCqHjx17nUserA";
const TENANT: &str = "T2OkfVnJi5Ht7mpCqHjx17nTenA";

/// A project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descope {
    /// The sessions of its users.
    Session,
    /// The authorization server of an MCP server.
    Agentic,
}

impl Descope {
    /// The path of the OAuth application.
    fn application(self) -> String {
        match self {
            Self::Session => format!("/v1/apps/{PROJECT}"),
            Self::Agentic => format!("/v1/apps/agentic/{PROJECT}/{MCP_SERVER}"),
        }
    }
}

impl Provider for Descope {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        match self {
            Self::Session => PROJECT.to_owned(),
            Self::Agentic => site.url(HOST, &self.application()),
        }
    }

    fn endpoints(&self) -> Endpoints {
        let base = match self {
            Self::Session => "/oauth2/v1/apps".to_owned(),
            Self::Agentic => format!("/oauth2/v1/apps/agentic/{PROJECT}/{MCP_SERVER}"),
        };
        Endpoints::at(HOST)
            .authorize(format!("{base}/authorize"))
            .token(format!("{base}/token"))
            .revoke(format!("{base}/revoke"))
            .register(format!("{base}/register"))
            .jwks(format!("/{PROJECT}/.well-known/jwks.json"))
            .jwks(format!("/v2/keys/{PROJECT}"))
    }

    /// Both appended to the application's path; the keys are elsewhere.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let application = self.application();
        let issuer = site.url(HOST, &application);
        let own = json!({
            "id_token_signing_alg_values_supported": ["RS256", "ES384"],
        });
        Document::everywhere(
            &[
                &format!("{application}/.well-known/openid-configuration"),
                &format!("{application}/.well-known/oauth-authorization-server"),
            ],
            &with(self.endpoints().metadata(site, &issuer), own),
        )
    }

    /// Both lie in the set; which one signs is the project's setting.
    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::Rs256, Algorithm::Es384]
    }

    /// The project's id, and more for the keys of other algorithms than the usual.
    fn kid(&self, key: &SigningKey) -> String {
        match key.algorithm {
            Algorithm::Rs256 => PROJECT.to_owned(),
            other => format!("{PROJECT}-{}", other.name()),
        }
    }

    fn clients(&self) -> [&'static str; 2] {
        [PROJECT, "K2OkfVnJi5Ht7mpCqHjx17nAccess"]
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(with(session(ask, "DS"), rights(ask))),
            Kind::Machine => Token::Signed(machine(ask)),
            Kind::Refresh => Token::Signed(session(ask, "DSR")),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Opaque => Token::Nothing,
        }
    }

    fn audience(&self, resource: &str) -> String {
        match self {
            Self::Session => PROJECT.to_owned(),
            Self::Agentic => resource.to_owned(),
        }
    }

    /// Sessions know no resource.
    fn target<'a>(&self, asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(asked.filter(|_| *self == Self::Agentic))
    }

    fn settings(&self, site: &Site) -> Vec<(&'static str, String)> {
        let keys = site.url(HOST, &format!("/{PROJECT}/.well-known/jwks.json"));
        vec![("OAUTHGATE_JWKS_URL", keys)]
    }
}

fn session(ask: &Ask<'_>, drn: &str) -> Value {
    ask.claims(json!({
        "amr": ["email"],
        "aud": ask.audience.unwrap_or(PROJECT),
        "drn": drn,
        "sub": ask.subject_or(USER),
        "scope": ask.scope_claim(),
    }))
}

/// `dct` is the tenant that the session is in now.
fn rights(ask: &Ask<'_>) -> Value {
    let tenant = ask.tenant_or(TENANT);
    json!({
        "dct": tenant,
        "tenants": {
            tenant: {"permissions": ["tools:read"], "roles": ["ops"]},
        },
        "permissions": ["tools:read"],
        "roles": ["ops"],
    })
}

fn machine(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.audience.unwrap_or(PROJECT),
        "drn": "DS",
        "sub": ask.subject_or(ask.client),
        "scope": ask.scope_claim(),
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.client,
        "sub": ask.subject_or(USER),
        "nonce": ask.nonce,
        "name": ask.user.name,
        "email": ask.user.email,
        "email_verified": true,
    }))
}
