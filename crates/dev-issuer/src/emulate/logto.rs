//! Logto: a JWT signed with ES384 when `resource` was sent, else an opaque token.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_name, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::{Algorithm, SigningKey};

const HOST: &str = "acme.logto.app";
const USER: &str = "u8exampleuser";

/// A tenant of Logto's cloud.
#[derive(Debug)]
pub(crate) struct Logto;

impl Provider for Logto {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "/oidc")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/oidc/auth")
            .token("/oidc/token")
            .introspect("/oidc/token/introspection")
            .revoke("/oidc/token/revocation")
            .jwks("/oidc/jwks")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, "/oidc/me"),
                "id_token_signing_alg_values_supported": ["ES384"],
                "authorization_response_iss_parameter_supported": true,
            }),
        );
        Document::everywhere(
            &[
                "/oidc/.well-known/openid-configuration",
                "/oidc/.well-known/oauth-authorization-server",
            ],
            &body,
        )
    }

    fn clients(&self) -> [&'static str; 2] {
        ["app8exampleclient0000", "m2m8exampleclient0000"]
    }

    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::Es384]
    }

    fn names_itself(&self) -> bool {
        true
    }

    fn header(&self, ask: &Ask<'_>, _key: &SigningKey) -> Value {
        match ask.kind.is_access_token() {
            true => json!({"typ": "at+jwt"}),
            false => json!({"typ": "JWT"}),
        }
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match (ask.kind, ask.audience) {
            (Kind::User | Kind::Machine, Some(api)) => Token::Signed(access(ask, api)),
            (Kind::User | Kind::Machine, None) | (Kind::Opaque, _) => {
                Token::opaque("", access(ask, ask.client))
            }
            (Kind::Id, _) => Token::Signed(id(ask)),
            (Kind::Refresh, _) => Token::Nothing,
        }
    }
}

fn access(ask: &Ask<'_>, audience: &str) -> Value {
    let subject = ask.subject_or(if ask.for_client { ask.client } else { USER });
    ask.claims(json!({
        "jti": random_name(21),
        "sub": subject,
        "scope": scope(ask),
        "client_id": ask.client,
        "aud": audience,
    }))
}

/// A JWT for an API lists that API's scopes only.
fn scope(ask: &Ask<'_>) -> Value {
    let of_api: Vec<_> = ask
        .scopes()
        .into_iter()
        .filter(|scope| *scope != "openid")
        .collect();
    json!(of_api.join(" "))
}

fn id(ask: &Ask<'_>) -> Value {
    with(
        ask.claims(json!({
            "sub": ask.subject_or(USER),
            "aud": ask.client,
            "at_hash": "kRZ8exampleHash0000000",
            "nonce": ask.nonce,
        })),
        json!({"name": ask.user.name, "username": "ana"}),
    )
}
