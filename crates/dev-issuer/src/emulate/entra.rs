//! Microsoft Entra ID: no `alg` in its keys but an `issuer`, tokens of two versions, `resource` refused, and documents
//! for all tenants whose `issuer` is a template.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{random_name, with, x5c, x5t},
    site::{Document, Endpoints, Site},
};
use crate::keys::{Algorithm, SigningKey};

const HOST: &str = "login.microsoftonline.com";
/// Names v1.0 tokens, and serves nothing that we ask for.
const V1_ISSUER_HOST: &str = "sts.windows.net";
pub(super) const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
/// Where private accounts are; it has a key of its own.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// Whose documents are for every tenant.
const ALIASES: [&str; 2] = ["organizations", "common"];
/// The API: in v2.0 tokens its client id, in v1.0 tokens its App ID URI.
pub(super) const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
const APP_ID_URI: &str = "api://mcp-example";
const USER: &str = "690222be-ff1a-4d56-abd1-7e4f7d38e474";
const SERVICE_PRINCIPAL: &str = "02223b6b-aa1d-42d4-9ec0-1b2bb9194438";

/// A tenant, and the token version that the API's manifest asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entra {
    V1,
    V2,
    /// v2.0 tokens of any tenant; metadata is that of `organizations`.
    Organizations,
}

impl Provider for Entra {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST, V1_ISSUER_HOST]
    }

    fn issuer(&self, site: &Site, tenant: Option<&str>) -> String {
        let tenant = tenant.unwrap_or(TENANT);
        match self {
            Self::V1 => site.url(V1_ISSUER_HOST, &format!("/{tenant}/")),
            Self::V2 | Self::Organizations => site.url(HOST, &format!("/{tenant}/v2.0")),
        }
    }

    fn endpoints(&self) -> Endpoints {
        let names = match self {
            Self::Organizations => [ALIASES[0], ALIASES[1], TENANT],
            Self::V1 | Self::V2 => [TENANT, ALIASES[0], ALIASES[1]],
        };
        let (oauth, keys) = match self {
            Self::V1 => ("oauth2", "discovery/keys"),
            Self::V2 | Self::Organizations => ("oauth2/v2.0", "discovery/v2.0/keys"),
        };
        names.iter().fold(Endpoints::at(HOST), |endpoints, name| {
            endpoints
                .authorize(format!("/{name}/{oauth}/authorize"))
                .token(format!("/{name}/{oauth}/token"))
                .jwks(format!("/{name}/{keys}"))
        })
    }

    /// OpenID Connect only, and not a word about PKCE. `common` and `organizations` name a template.
    fn documents(&self, site: &Site) -> Vec<Document> {
        let version = match self {
            Self::V1 => "",
            Self::V2 | Self::Organizations => "/v2.0",
        };
        let document = |name: &str, issuer: String| {
            let path = format!("/{name}{version}/.well-known/openid-configuration");
            Document::new(path, self.metadata(site, name, &issuer))
        };
        let own = document(TENANT, self.issuer(site, None));
        let shared = ALIASES.map(|name| document(name, self.issuer(site, Some("{tenantid}"))));
        [vec![own], shared.to_vec()].concat()
    }

    fn clients(&self) -> [&'static str; 2] {
        [
            "11111111-2222-3333-4444-555555555555",
            "75dbe77f-10a3-4e59-85fd-8c127544f17c",
        ]
    }

    fn scope(&self, for_client: bool) -> &'static str {
        match for_client {
            true => "api://mcp-example/.default",
            false => "api://mcp-example/tools.read",
        }
    }

    /// One for all tenants, one for private accounts.
    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::Rs256, Algorithm::Rs256]
    }

    fn signer_of(&self, ask: &Ask<'_>) -> usize {
        usize::from(ask.tenant == Some(CONSUMERS))
    }

    fn kid(&self, key: &SigningKey) -> String {
        x5t(key)
    }

    /// `issuer` binds the key to a cloud's tenants, or to the one of private accounts.
    fn jwk_at(&self, site: &Site, key: &SigningKey, place: usize) -> Value {
        let tenants = ["{tenantid}", CONSUMERS][place.min(1)];
        json!({
            "alg": null,
            "x5t": x5t(key),
            "x5c": x5c(key),
            "issuer": self.issuer(site, Some(tenants)),
            "cloud_instance_name": "microsoftonline.com",
        })
    }

    fn header(&self, ask: &Ask<'_>, key: &SigningKey) -> Value {
        match (self, ask.kind) {
            (Self::V1, Kind::User | Kind::Machine) => json!({"typ": "JWT", "x5t": key.kid}),
            _ => json!({"typ": "JWT"}),
        }
    }

    /// The scopes say which API is meant.
    fn target<'a>(&self, asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        match asked {
            None | Some(APP_ID_URI) => Ok(None),
            Some(_) => Err(
                "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes.",
            ),
        }
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        let version = match self {
            Self::V1 => v1(ask),
            Self::V2 | Self::Organizations => v2(ask),
        };
        match ask.kind {
            Kind::User => Token::Signed(with(with(common(ask), user(ask)), version)),
            Kind::Machine => Token::Signed(with(with(common(ask), machine(ask)), version)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh => Token::opaque("0.AX", json!({})),
            Kind::Opaque => Token::Nothing,
        }
    }

    fn audience(&self, _resource: &str) -> String {
        format!("{API} {APP_ID_URI}")
    }

    fn settings(&self, site: &Site) -> Vec<(&'static str, String)> {
        let metadata =
            |name: &str| site.url(HOST, &format!("/{name}/.well-known/openid-configuration"));
        match self {
            Self::V2 => Vec::new(),
            Self::V1 => vec![("OAUTHGATE_METADATA_URL", metadata(TENANT))],
            Self::Organizations => {
                let template = self.issuer(site, Some("{tid}"));
                vec![
                    ("OAUTHGATE_ISSUER_TEMPLATE", template),
                    ("OAUTHGATE_METADATA_URL", metadata("organizations/v2.0")),
                    (
                        "OAUTHGATE_METADATA_ISSUER",
                        self.issuer(site, Some("{tenantid}")),
                    ),
                ]
            }
        }
    }
}

impl Entra {
    fn metadata(self, site: &Site, name: &str, issuer: &str) -> Value {
        let usual = self.endpoints().metadata(site, issuer);
        let url = |end: &str| site.url(HOST, &format!("/{name}/{end}"));
        let places = match self {
            Self::V1 => json!({
                "authorization_endpoint": url("oauth2/authorize"),
                "token_endpoint": url("oauth2/token"),
                "jwks_uri": url("discovery/keys"),
            }),
            Self::V2 | Self::Organizations => json!({
                "authorization_endpoint": url("oauth2/v2.0/authorize"),
                "token_endpoint": url("oauth2/v2.0/token"),
                "jwks_uri": url("discovery/v2.0/keys"),
            }),
        };
        let own = json!({
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "grant_types_supported": null,
            "code_challenge_methods_supported": null,
            "tenant_region_scope": if name == TENANT { json!("EU") } else { Value::Null },
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
        });
        with(with(usual, places), own)
    }
}

fn common(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "nbf": ask.issued_at(),
        "aio": random_name(40),
        "rh": format!("0.{}.", random_name(30)),
        "tid": ask.tenant_or(TENANT),
        "uti": random_name(22),
    }))
}

/// The name of a scope without the API that it belongs to.
pub(super) fn short_scopes(ask: &Ask<'_>) -> Value {
    let names: Vec<_> = ask
        .scopes()
        .into_iter()
        .filter(|scope| !matches!(*scope, "openid" | "profile" | "email" | "offline_access"))
        .map(|scope| scope.rsplit('/').next().unwrap_or(scope))
        .filter(|name| *name != ".default")
        .collect();
    match names.is_empty() {
        true => Value::Null,
        false => json!(names.join(" ")),
    }
}

/// `sub` is another one at every application; `oid` is the user.
fn user(ask: &Ask<'_>) -> Value {
    json!({
        "oid": ask.subject_or(USER),
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "scp": short_scopes(ask),
        "name": ask.user.name,
    })
}

fn machine(ask: &Ask<'_>) -> Value {
    json!({
        "oid": ask.subject_or(SERVICE_PRINCIPAL),
        "sub": ask.subject_or(SERVICE_PRINCIPAL),
        "idtyp": "app",
        "roles": ["Tools.Read.All"],
    })
}

fn v1(ask: &Ask<'_>) -> Value {
    json!({
        "aud": ask.audience.unwrap_or(APP_ID_URI),
        "appid": ask.client,
        "appidacr": if ask.for_client { "1" } else { "0" },
        "unique_name": if ask.for_client { Value::Null } else { json!(ask.user.email) },
        "ver": "1.0",
    })
}

fn v2(ask: &Ask<'_>) -> Value {
    json!({
        "aud": ask.audience.unwrap_or(API),
        "azp": ask.client,
        "azpacr": if ask.for_client { "1" } else { "0" },
        "preferred_username": if ask.for_client { Value::Null } else { json!(ask.user.email) },
        "ver": "2.0",
    })
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "aud": ask.client,
        "nbf": ask.issued_at(),
        "name": ask.user.name,
        "nonce": ask.nonce,
        "oid": ask.subject_or(USER),
        "preferred_username": ask.user.email,
        "rh": format!("0.{}.", random_name(30)),
        "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "tid": ask.tenant_or(TENANT),
        "uti": random_name(22),
        "ver": "2.0",
    }))
}
