//! Okta: `scp` is an array, `sub` of an access token is the login, `uid` is the user. The org server's tokens look like
//! JWTs and are for nobody but Okta: they are introspected.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token, introspection_by},
    shape::{random_name, with},
    site::{Document, Endpoints, Site},
};
use crate::{keys::SigningKey, state::Claims};

const HOST: &str = "acme.okta.com";
const CUSTOM_SERVER: &str = "/oauth2/aus9o8wzkhckw9TLa0h7";
/// The audience of the custom server, for tokens that no resource was named for.
const AUDIENCE: &str = "api://default";
const USER: &str = "00uixa271s6x7qt8I0h7";

/// An organisation's authorization server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Okta {
    /// A custom one.
    Custom,
    /// The organisation's own.
    Org,
}

impl Okta {
    /// What stands before the well-known paths.
    fn path(self) -> &'static str {
        match self {
            Self::Custom => CUSTOM_SERVER,
            Self::Org => "",
        }
    }

    /// What stands before the endpoints.
    fn endpoint_path(self) -> &'static str {
        match self {
            Self::Custom => CUSTOM_SERVER,
            Self::Org => "/oauth2",
        }
    }
}

impl Provider for Okta {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, self.path())
    }

    fn endpoints(&self) -> Endpoints {
        let at = |name: &str| format!("{}/v1/{name}", self.endpoint_path());
        Endpoints::at(HOST)
            .authorize(at("authorize"))
            .token(at("token"))
            .register("/oauth2/v1/clients")
            .revoke(at("revoke"))
            .introspect(at("introspect"))
            .jwks(at("keys"))
    }

    /// Appended for OpenID Connect, inserted for RFC 8414.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "scopes_supported": ["openid", "email", "profile", "address", "phone", "offline_access"],
                "response_types_supported": ["code", "id_token", "code id_token", "token"],
                "response_modes_supported": ["query", "fragment", "form_post", "okta_post_message"],
            }),
        );
        let path = self.path();
        Document::everywhere(
            &[
                &format!("{path}/.well-known/openid-configuration"),
                &format!("/.well-known/oauth-authorization-server{path}"),
            ],
            &body,
        )
    }

    fn clients(&self) -> [&'static str; 2] {
        ["0oas6ywyq7cwyKUfF0h7", "0oamachine7cwyKUf0h7"]
    }

    fn scope(&self, for_client: bool) -> &'static str {
        match for_client {
            true => "tools.read",
            false => "openid tools.read",
        }
    }

    fn header(&self, ask: &Ask<'_>, _key: &SigningKey) -> Value {
        match (self, ask.kind) {
            (Self::Org, Kind::User | Kind::Machine) => {
                json!({"typ": "application/okta-internal-at+jwt"})
            }
            _ => json!({}),
        }
    }

    /// The org server's tokens are for the organisation.
    fn target<'a>(&self, asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(asked.filter(|_| *self == Self::Custom))
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User => Token::Signed(with(self.access(ask), user(ask))),
            Kind::Machine => Token::Signed(with(self.access(ask), machine(ask))),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh | Kind::Opaque => Token::Nothing,
        }
    }

    /// RFC 7662's words in place of the token's own, of which Okta tells only the user.
    fn introspected(&self, claims: Claims) -> Value {
        let scopes: Vec<_> = claims
            .get("scp")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let own = json!({
            "active": true,
            "token_type": "Bearer",
            "client_id": claims.get("cid"),
            "username": claims.get("sub"),
            "scope": scopes.join(" "),
            "cid": null,
            "scp": null,
            "ver": null,
            "auth_time": null,
            "groups": null,
        });
        with(Value::Object(claims), own)
    }

    fn settings(&self, _site: &Site) -> Vec<(&'static str, String)> {
        let [_, machine] = self.clients();
        match self {
            Self::Custom => Vec::new(),
            Self::Org => introspection_by(machine),
        }
    }

    /// The organization's own tokens are for Okta: only their client ties them to anybody.
    fn audience(&self, resource: &str) -> String {
        match self {
            Self::Custom => resource.to_owned(),
            Self::Org => self.clients().join(" "),
        }
    }
}

impl Okta {
    fn access(self, ask: &Ask<'_>) -> Value {
        let usual_audience = match self {
            Self::Custom => AUDIENCE,
            Self::Org => &ask.issuer,
        };
        ask.claims(json!({
            "ver": 1,
            "jti": format!("AT.{}", random_name(32)),
            "aud": ask.audience.unwrap_or(usual_audience),
            "cid": ask.client,
            "scp": ask.scopes(),
        }))
    }
}

fn user(ask: &Ask<'_>) -> Value {
    json!({
        "uid": ask.subject_or(USER),
        "auth_time": ask.issued_at(),
        "sub": "joe.smith@example.com",
        "groups": ["ops"],
    })
}

fn machine(ask: &Ask<'_>) -> Value {
    json!({"sub": ask.subject_or(ask.client)})
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "ver": 1,
        "jti": format!("ID.{}", random_name(32)),
        "aud": ask.client,
        "sub": ask.subject_or(USER),
        "auth_time": ask.issued_at(),
        "amr": ["pwd"],
        "nonce": ask.nonce,
        "name": ask.user.name,
        "email": ask.user.email,
        "preferred_username": "joe.smith@example.com",
    }))
}
