//! Ory Hydra with the JWT strategy: `scp` as an array, custom claims below `ext`, an empty `aud` unless its own parameter
//! `audience` asked for one; by default its tokens are opaque, and known at the admin port only.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token, introspection_by},
    shape::{random_uuid, uuid, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::{Algorithm, SigningKey};

const HOST: &str = "auth.example.com";
const ADMIN: &str = "hydra-admin.internal";

/// One installation.
#[derive(Debug)]
pub(crate) struct Hydra;

impl Provider for Hydra {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST, ADMIN]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "/")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/oauth2/auth")
            .token("/oauth2/token")
            .revoke("/oauth2/revoke")
            .introspect("/admin/oauth2/introspect")
            .register("/oauth2/register")
            .jwks("/.well-known/jwks.json")
    }

    /// Introspection belongs to the admin port, which the public document does not name.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "introspection_endpoint": null,
                "userinfo_endpoint": site.url(HOST, "/userinfo"),
                "scopes_supported": ["offline_access", "offline", "openid"],
                "code_challenge_methods_supported": ["plain", "S256"],
            }),
        );
        vec![Document::new("/.well-known/openid-configuration", body)]
    }

    fn clients(&self) -> [&'static str; 2] {
        [
            "c5a3e3f0-0000-4000-8000-000000000001",
            "c5a3e3f0-0000-4000-8000-000000000002",
        ]
    }

    fn scope(&self, for_client: bool) -> &'static str {
        match for_client {
            true => "tools.read",
            false => "openid tools.read",
        }
    }

    /// The key for access tokens and the one for ID tokens are published together.
    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::Rs256, Algorithm::Rs256]
    }

    fn signer(&self, kind: Kind) -> usize {
        usize::from(kind == Kind::Id)
    }

    fn kid(&self, key: &SigningKey) -> String {
        uuid(&key.thumbprint)
    }

    fn audience_parameter(&self) -> Option<&'static str> {
        Some("audience")
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User | Kind::Machine => Token::Signed(access(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh => Token::opaque("ory_rt_", json!({})),
            Kind::Opaque => Token::opaque("ory_at_", known(ask)),
        }
    }

    fn introspected(&self, claims: crate::state::Claims) -> Value {
        let own = json!({"active": true, "token_type": "Bearer", "token_use": "access_token"});
        with(Value::Object(claims), own)
    }

    fn settings(&self, site: &Site) -> Vec<(&'static str, String)> {
        let url = site.url(ADMIN, "/admin/oauth2/introspect");
        let [_, machine] = self.clients();
        [
            vec![("OAUTHGATE_INTROSPECTION_URL", url)],
            introspection_by(machine),
        ]
        .concat()
    }
}

fn subject<'a>(ask: &'a Ask<'_>) -> &'a str {
    ask.subject_or(if ask.for_client { ask.client } else { "ana" })
}

/// What the login and consent application put into the session.
fn extra(ask: &Ask<'_>) -> Value {
    match ask.for_client {
        true => json!({}),
        false => json!({"tier": "gold"}),
    }
}

fn access(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.audience.map_or_else(|| json!([]), |api| json!([api])),
        "client_id": ask.client,
        "ext": extra(ask),
        "jti": random_uuid(),
        "nbf": ask.issued_at(),
        "scp": ask.scopes(),
        "sub": subject(ask),
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "at_hash": "kRZ8exampleHash0000000",
        "aud": [ask.client],
        "auth_time": ask.issued_at(),
        "jti": random_uuid(),
        "nonce": ask.nonce,
        "rat": ask.issued_at(),
        "sid": random_uuid(),
        "sub": subject(ask),
    }))
}

/// Introspection spells scopes as RFC 7662 does, whatever the JWTs do.
fn known(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.audience.map_or_else(|| json!([]), |api| json!([api])),
        "client_id": ask.client,
        "ext": extra(ask),
        "nbf": ask.issued_at(),
        "scope": ask.scope_claim(),
        "sub": subject(ask),
    }))
}
