//! Azure AD B2C: documents and keys for each policy, and an issuer that is no beginning of their addresses.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::with,
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "acme.b2clogin.com";
const TENANT: &str = "775527ff-9a37-4307-8b3d-cc311f58d925";
const POLICY: &str = "b2c_1_signin";
const API: &str = "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6";
const USER: &str = "884408e1-2918-4c20-b12d-3aa027d7563b";
const SERVICE_PRINCIPAL: &str = "5c1b2a44-4f5e-4a33-9f5b-7a1d2e3c4b5a";

/// A tenant with one policy, by the compatibility setting of its issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum B2c {
    /// The same issuer for every policy.
    Default,
    /// The policy is part of the issuer ("tfp").
    Tfp,
}

impl B2c {
    /// What stands before every path.
    fn base(self) -> String {
        match self {
            Self::Default => format!("/acme.onmicrosoft.com/{POLICY}"),
            Self::Tfp => format!("/tfp/{TENANT}/{POLICY}"),
        }
    }
}

impl Provider for B2c {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, tenant: Option<&str>) -> String {
        let tenant = tenant.unwrap_or(TENANT);
        match self {
            Self::Default => site.url(HOST, &format!("/{tenant}/v2.0/")),
            Self::Tfp => site.url(HOST, &format!("/tfp/{tenant}/{POLICY}/v2.0/")),
        }
    }

    fn endpoints(&self) -> Endpoints {
        let base = self.base();
        Endpoints::at(HOST)
            .authorize(format!("{base}/oauth2/v2.0/authorize"))
            .token(format!("{base}/oauth2/v2.0/token"))
            .jwks(format!("{base}/discovery/v2.0/keys"))
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "response_modes_supported": ["query", "fragment", "form_post"],
                "response_types_supported": ["code", "code id_token", "code token", "id_token", "token"],
                "scopes_supported": ["openid"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "grant_types_supported": null,
                "code_challenge_methods_supported": null,
                "claims_supported": ["oid", "name", "emails", "sub", "tfp", "iss", "iat", "exp", "aud", "nonce"],
            }),
        );
        let path = format!("{}/v2.0/.well-known/openid-configuration", self.base());
        vec![Document::new(path, body)]
    }

    fn clients(&self) -> [&'static str; 2] {
        [
            "33333333-4444-5555-6666-777777777777",
            "84404c12-9c4b-4bcd-9b44-a1f3b6f7c001",
        ]
    }

    fn scope(&self, for_client: bool) -> &'static str {
        match for_client {
            true => "https://acme.onmicrosoft.com/tools/.default",
            false => "https://acme.onmicrosoft.com/tools/tools.read",
        }
    }

    fn jwk(&self, _site: &Site, _key: &SigningKey) -> Value {
        json!({"alg": null, "nbf": 1_493_763_266})
    }

    /// The scopes say which API is meant.
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
        API.to_owned()
    }

    fn settings(&self, site: &Site) -> Vec<(&'static str, String)> {
        let path = format!("{}/v2.0/.well-known/openid-configuration", self.base());
        vec![("OAUTHGATE_METADATA_URL", site.url(HOST, &path))]
    }
}

fn user(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "nbf": ask.issued_at(),
        "aud": API,
        "sub": ask.subject_or(USER),
        "oid": ask.subject_or(USER),
        "name": ask.user.name,
        "tfp": POLICY,
        "scp": super::entra::short_scopes(ask),
        "azp": ask.client,
        "ver": "1.0",
    }))
}

fn machine(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "nbf": ask.issued_at(),
        "aud": API,
        "sub": ask.subject_or(SERVICE_PRINCIPAL),
        "oid": ask.subject_or(SERVICE_PRINCIPAL),
        "roles": ["Tools.Read.All"],
        "azp": ask.client,
        "ver": "1.0",
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "nbf": ask.issued_at(),
        "aud": ask.client,
        "sub": ask.subject_or(USER),
        "oid": ask.subject_or(USER),
        "name": ask.user.name,
        "emails": [ask.user.email],
        "tfp": POLICY,
        "auth_time": ask.issued_at(),
        "nonce": ask.nonce,
        "ver": "1.0",
    }))
}
