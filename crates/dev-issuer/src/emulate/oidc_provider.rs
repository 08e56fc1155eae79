//! node oidc-provider: `at+jwt` for exactly one resource, else opaque.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_name, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "auth.example.com";

/// One server with resource indicators and introspection on.
#[derive(Debug)]
pub(crate) struct OidcProvider;

impl Provider for OidcProvider {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/auth")
            .token("/token")
            .introspect("/token/introspection")
            .revoke("/token/revocation")
            .register("/reg")
            .jwks("/jwks")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, "/me"),
                "authorization_response_iss_parameter_supported": true,
                "dpop_signing_alg_values_supported": ["ES256", "Ed25519", "EdDSA"],
                "response_modes_supported": ["form_post", "fragment", "query"],
            }),
        );
        Document::everywhere(
            &[
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
            ],
            &body,
        )
    }

    fn names_itself(&self) -> bool {
        true
    }

    fn header(&self, ask: &Ask<'_>, _key: &SigningKey) -> Value {
        match ask.kind.is_access_token() {
            true => json!({"typ": "at+jwt"}),
            false => json!({"typ": null}),
        }
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match (ask.kind, ask.audience) {
            (Kind::User | Kind::Machine, Some(_)) => {
                Token::Signed(with(known(ask), json!({"jti": random_name(21)})))
            }
            (Kind::User | Kind::Machine, None) | (Kind::Opaque, _) => Token::opaque("", known(ask)),
            (Kind::Id, _) => Token::Signed(id(ask)),
            (Kind::Refresh, _) => Token::Nothing,
        }
    }
}

/// `openid` belongs to the server's own userinfo endpoint, not to an API.
fn known(ask: &Ask<'_>) -> Value {
    let scopes: Vec<_> = ask
        .scopes()
        .into_iter()
        .filter(|scope| *scope != "openid" || ask.audience.is_none())
        .collect();
    ask.claims(json!({
        "sub": ask.subject_or(if ask.for_client { ask.client } else { "ana" }),
        "scope": scopes.join(" "),
        "client_id": ask.client,
        "aud": ask.audience,
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or("ana"),
        "aud": ask.client,
        "at_hash": "kRZ8exampleHash0000000",
        "nonce": ask.nonce,
    }))
}
