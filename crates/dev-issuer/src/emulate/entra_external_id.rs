//! Microsoft Entra External ID: Entra's tokens under a host that carries the tenant's name.

use serde_json::{Value, json};

use super::{
    entra::{self, TENANT},
    provider::{Ask, Provider, Token},
    shape::{with, x5c, x5t},
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

/// The tenant's id as a host name: its tokens name it.
const HOST: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47.ciamlogin.com";
/// What people see.
const DOMAIN: &str = "acme.ciamlogin.com";

/// An external tenant.
#[derive(Debug)]
pub(crate) struct EntraExternalId;

impl Provider for EntraExternalId {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST, DOMAIN]
    }

    fn issuer(&self, site: &Site, tenant: Option<&str>) -> String {
        site.url(HOST, &format!("/{}/v2.0", tenant.unwrap_or(TENANT)))
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(DOMAIN)
            .authorize(format!("/{TENANT}/oauth2/v2.0/authorize"))
            .token(format!("/{TENANT}/oauth2/v2.0/token"))
            .jwks(format!("/{TENANT}/discovery/v2.0/keys"))
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let own = json!({
            "grant_types_supported": null,
            "code_challenge_methods_supported": null,
            "cloud_instance_name": "ciamlogin.com",
            "subject_types_supported": ["pairwise"],
        });
        vec![Document::new(
            format!("/{TENANT}/v2.0/.well-known/openid-configuration"),
            with(usual, own),
        )]
    }

    fn clients(&self) -> [&'static str; 2] {
        entra::Entra::V2.clients()
    }

    fn scope(&self, for_client: bool) -> &'static str {
        entra::Entra::V2.scope(for_client)
    }

    fn kid(&self, key: &SigningKey) -> String {
        x5t(key)
    }

    fn jwk(&self, _site: &Site, key: &SigningKey) -> Value {
        json!({"alg": null, "x5t": x5t(key), "x5c": x5c(key)})
    }

    fn target<'a>(&self, asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        entra::Entra::V2.target(asked)
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        entra::Entra::V2.token(ask)
    }

    fn audience(&self, resource: &str) -> String {
        entra::Entra::V2.audience(resource)
    }
}
