//! WorkOS AuthKit as the authorization server of an MCP server: `resource` becomes `aud`.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::random_name,
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "acme.authkit.app";
const USER: &str = "user_01HBEQKA6K4QJAS93VPE39W1JT";
const ORGANIZATION: &str = "org_01HRDMC6CM357W30QMHMQ96Q0S";

/// An AuthKit domain.
#[derive(Debug)]
pub(crate) struct WorkOs;

impl Provider for WorkOs {
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
            .introspect("/oauth2/introspection")
            .register("/oauth2/register")
            .jwks("/oauth2/jwks")
    }

    /// RFC 8414 only.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let body = self.endpoints().metadata(site, &self.issuer(site, None));
        vec![Document::new(
            "/.well-known/oauth-authorization-server",
            body,
        )]
    }

    fn clients(&self) -> [&'static str; 2] {
        [
            "client_01HBEQKA6K4QJAS93VPE39W1AA",
            "client_01HBEQKA6K4QJAS93VPE39W1BB",
        ]
    }

    fn scope(&self, for_client: bool) -> &'static str {
        match for_client {
            true => "",
            false => "openid email",
        }
    }

    fn kid(&self, key: &SigningKey) -> String {
        let name = super::shape::hex(&key.thumbprint, 24).to_uppercase();
        format!("sso_oidc_key_pair_01{name}")
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
}

fn name(prefix: &str) -> String {
    format!("{prefix}01{}", random_name(24).to_uppercase())
}

fn user(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.audience.unwrap_or(ask.client),
        "sub": ask.subject_or(USER),
        "sid": name("app_consent_"),
        "scope": ask.scope_claim(),
        "org_id": ask.tenant_or(ORGANIZATION),
        "jti": name(""),
    }))
}

fn machine(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.audience.unwrap_or(ask.client),
        "sub": ask.subject_or(ask.client),
        "scope": ask.scope_claim(),
        "org_id": ask.tenant_or(ORGANIZATION),
        "jti": name(""),
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.client,
        "sub": ask.subject_or(USER),
        "sid": name("app_consent_"),
        "email": ask.user.email,
        "email_verified": true,
        "nonce": ask.nonce,
    }))
}
