//! GitHub: opaque tokens that only the application they are for may ask about, and a metadata document that names
//! another issuer than the one it was looked for under.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token, TokenInfo, introspection_by},
    shape::{random_name, with},
    site::{Document, Endpoints, Site},
};

const HOST: &str = "github.com";
const API: &str = "api.github.com";

/// An OAuth application.
#[derive(Debug)]
pub(crate) struct GitHub;

impl Provider for GitHub {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST, API]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "/login/oauth")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/login/oauth/authorize")
            .token("/login/oauth/access_token")
            .jwks("/login/oauth/.well-known/jwks")
    }

    /// Its `issuer` is the bare host.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &site.url(HOST, ""));
        let body = with(
            usual,
            json!({
                "scopes_supported": null,
                "grant_types_supported": null,
                "token_endpoint_auth_methods_supported": null,
                "response_modes_supported": null,
            }),
        );
        vec![Document::new(
            "/login/oauth/.well-known/openid-configuration",
            body,
        )]
    }

    fn clients(&self) -> [&'static str; 2] {
        ["Iv1.8a61f9b3a7aba766", "Iv1.0b1c2d3e4f5a6b7c"]
    }

    fn login_needs_secret(&self) -> bool {
        true
    }

    fn scope(&self, _for_client: bool) -> &'static str {
        "read:user repo"
    }

    fn target<'a>(&self, _asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(None)
    }

    fn token_info(&self) -> Option<TokenInfo> {
        Some(TokenInfo::GitHub {
            path: "/applications/{client_id}/token",
        })
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User | Kind::Opaque => Token::Opaque {
                text: format!("gho_{}", random_name(36)),
                claims: authorization(ask),
            },
            Kind::Refresh => Token::Opaque {
                text: format!("ghr_{}", random_name(76)),
                claims: json!({}),
            },
            Kind::Machine | Kind::Id => Token::Nothing,
        }
    }

    fn audience(&self, _resource: &str) -> String {
        let [application, _] = self.clients();
        application.to_owned()
    }

    fn settings(&self, site: &Site) -> Vec<(&'static str, String)> {
        let [application, _] = self.clients();
        let url = ("OAUTHGATE_INTROSPECTION_URL", site.url(API, ""));
        [vec![url], introspection_by(application)].concat()
    }
}

/// What "check a token" answers, but for the token itself.
fn authorization(ask: &Ask<'_>) -> Value {
    let id = ask.subject_or("583231");
    json!({
        "id": 1,
        "url": ask.site.url(API, "/authorizations/1"),
        "scopes": ask.scopes(),
        "app": {
            "name": "MCP example",
            "url": "https://mcp.example.com",
            "client_id": ask.client,
        },
        "note": Value::Null,
        "created_at": "2026-09-21T13:46:40Z",
        "updated_at": "2026-09-21T13:46:40Z",
        "user": {
            "login": "ana",
            "id": id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number)),
            "type": "User",
            "site_admin": false,
        },
    })
}
