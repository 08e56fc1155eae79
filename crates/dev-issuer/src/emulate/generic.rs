//! A server that does everything as the RFCs say: RFC 9068 tokens, RFC 8414 metadata, RFC 8707 audiences.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_uuid, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::{Algorithm, SigningKey};

const HOST: &str = "auth.example.com";
const USER: &str = "3f0c1e5a-ada0-4c5e-9a0e-5a1b2c3d4e5f";

/// Nobody's product.
#[derive(Debug)]
pub(crate) struct Generic;

impl Provider for Generic {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/authorize")
            .token("/token")
            .register("/register")
            .revoke("/revoke")
            .introspect("/introspect")
            .jwks("/jwks")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let own = json!({
            "authorization_response_iss_parameter_supported": true,
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
        });
        Document::everywhere(
            &[
                "/.well-known/oauth-authorization-server",
                "/.well-known/openid-configuration",
            ],
            &with(usual, own),
        )
    }

    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]
    }

    fn names_itself(&self) -> bool {
        true
    }

    fn header(&self, ask: &Ask<'_>, _key: &SigningKey) -> Value {
        match ask.kind {
            Kind::Id => json!({"typ": "JWT"}),
            _ => json!({"typ": "at+jwt"}),
        }
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User | Kind::Machine => Token::Signed(access(ask)),
            Kind::Opaque => Token::opaque("", access(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh => Token::Nothing,
        }
    }
}

/// RFC 9068 §2.2.
fn access(ask: &Ask<'_>) -> Value {
    let usual_subject = if ask.for_client { ask.client } else { USER };
    ask.claims(json!({
        "sub": ask.subject_or(usual_subject),
        "aud": ask.audience,
        "client_id": ask.client,
        "jti": random_uuid(),
        "scope": ask.scope_claim(),
        "groups": if ask.for_client { Value::Null } else { json!(["ops"]) },
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(USER),
        "aud": ask.client,
        "auth_time": ask.issued_at(),
        "nonce": ask.nonce,
        "name": ask.user.name,
        "email": ask.user.email,
    }))
}
