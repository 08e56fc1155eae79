//! Supabase Auth with asymmetric keys: `aud` is `authenticated` whatever `resource` said, and `role` stands beside it.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_uuid, uuid, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::{Algorithm, SigningKey};

const HOST: &str = "abcd.supabase.co";
const USER: &str = "1c9e7a30-5b1d-4f0a-9f55-2c6d8e4b7a11";

/// A project with the OAuth server on.
#[derive(Debug)]
pub(crate) struct Supabase;

impl Provider for Supabase {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "/auth/v1")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/auth/v1/oauth/authorize")
            .token("/auth/v1/oauth/token")
            .register("/auth/v1/oauth/clients/register")
            .jwks("/auth/v1/.well-known/jwks.json")
    }

    /// Both appended, none inserted.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, "/auth/v1/oauth/userinfo"),
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "scopes_supported": ["openid", "profile", "email", "phone"],
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "ES256"],
            }),
        );
        Document::everywhere(
            &[
                "/auth/v1/.well-known/openid-configuration",
                "/auth/v1/.well-known/oauth-authorization-server",
            ],
            &body,
        )
    }

    fn clients(&self) -> [&'static str; 2] {
        [
            "a3f0c1d2-0000-4000-8000-000000000001",
            "a3f0c1d2-0000-4000-8000-000000000002",
        ]
    }

    fn scope(&self, _for_client: bool) -> &'static str {
        "openid email"
    }

    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::Es256]
    }

    fn kid(&self, key: &SigningKey) -> String {
        uuid(&key.thumbprint)
    }

    fn jwk(&self, _site: &Site, _key: &SigningKey) -> Value {
        json!({"ext": true, "key_ops": ["verify"]})
    }

    fn target<'a>(&self, _asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(None)
    }

    fn audience(&self, _resource: &str) -> String {
        "authenticated".to_owned()
    }

    /// There is no grant for programs: what else signs is the project's own service role.
    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(user(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Machine | Kind::Refresh | Kind::Opaque => Token::Nothing,
        }
    }

    fn settings(&self, _site: &Site) -> Vec<(&'static str, String)> {
        vec![("OAUTHGATE_ALLOWED_CLIENTS", self.clients()[0].to_owned())]
    }
}

fn user(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(USER),
        "aud": "authenticated",
        "email": ask.user.email,
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {},
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": ask.issued_at()}],
        "session_id": random_uuid(),
        "is_anonymous": false,
        "client_id": ask.client,
        "scope": ask.scope_claim(),
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(USER),
        "aud": ask.client,
        "auth_time": ask.issued_at(),
        "email": ask.user.email,
        "email_verified": true,
        "nonce": ask.nonce,
    }))
}
