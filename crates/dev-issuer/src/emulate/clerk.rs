//! Clerk: OAuth access tokens without any `aud`, as `at+jwt` or opaque; programs are machines with names of their own.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_name, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "acme.clerk.accounts.dev";
const USER: &str = "user_2exampleUser";
const ORGANIZATION: &str = "org_2exampleOrganization";
const MACHINE: &str = "mch_2exampleMachine";

/// A development instance.
#[derive(Debug)]
pub(crate) struct Clerk;

impl Provider for Clerk {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/oauth/authorize")
            .token("/oauth/token")
            .introspect("/oauth/token_info")
            .revoke("/oauth/token/revoke")
            .register("/oauth/register")
            .jwks("/.well-known/jwks.json")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let body = self.endpoints().metadata(site, &self.issuer(site, None));
        Document::everywhere(
            &[
                "/.well-known/oauth-authorization-server",
                "/.well-known/openid-configuration",
            ],
            &body,
        )
    }

    fn clients(&self) -> [&'static str; 2] {
        ["client_2exampleOAuthApp", MACHINE]
    }

    fn scope(&self, for_client: bool) -> &'static str {
        match for_client {
            true => "",
            false => "openid email user:org:read",
        }
    }

    fn kid(&self, key: &SigningKey) -> String {
        format!("ins_2{}", super::shape::hex(&key.thumbprint, 26))
    }

    fn header(&self, ask: &Ask<'_>, _key: &SigningKey) -> Value {
        match ask.kind.is_access_token() {
            true => json!({"typ": "at+jwt", "cat": "cl_B7d4PD222AAA"}),
            false => json!({"typ": "JWT"}),
        }
    }

    /// `resource` does nothing.
    fn target<'a>(&self, _asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(None)
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(user(ask)),
            Kind::Machine => Token::Signed(machine(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh => Token::Nothing,
            Kind::Opaque => Token::opaque("oat_", with(user(ask), json!({"jti": null}))),
        }
    }

    fn settings(&self, _site: &Site) -> Vec<(&'static str, String)> {
        vec![(
            "OAUTHGATE_MISSING_AUDIENCE_CLIENTS",
            self.clients().join(" "),
        )]
    }
}

fn user(ask: &Ask<'_>) -> Value {
    let organization = ask
        .scopes()
        .contains(&"user:org:read")
        .then(|| ask.tenant_or(ORGANIZATION));
    ask.claims(json!({
        "client_id": ask.client,
        "jti": format!("oat_2{}", random_name(20)),
        "nbf": ask.issued_at() - 10,
        "scope": ask.scope_claim(),
        "sub": ask.subject_or(USER),
        "org_id": organization,
    }))
}

/// `scopes` names the machines that it may talk to.
fn machine(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "jti": format!("mt_2{}", random_name(20)),
        "nbf": ask.issued_at() - 10,
        "scopes": if ask.scope.is_empty() { "mch_2exampleTarget" } else { ask.scope },
        "sub": ask.subject_or(ask.client),
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.client,
        "at_hash": "kRZ8exampleHash0000000",
        "email": ask.user.email,
        "email_verified": true,
        "name": ask.user.name,
        "nonce": ask.nonce,
        "sub": ask.subject_or(USER),
    }))
}
