//! ZITADEL with JWT access tokens: `aud` lists all client ids of the project and the project's own, roles are the keys of
//! an object, and no claim says what the scope is.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::with,
    site::{Document, Endpoints, Site},
};
use crate::keys::SigningKey;

const HOST: &str = "acme.zitadel.cloud";
const PROJECT: &str = "69234230000000001";
const OTHER_CLIENT: &str = "69234237810729019";
const ORGANIZATION: &str = "358981944035333912";
const USER: &str = "77776025198584418";

/// An instance with one project.
#[derive(Debug)]
pub(crate) struct Zitadel;

impl Provider for Zitadel {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/oauth/v2/authorize")
            .token("/oauth/v2/token")
            .introspect("/oauth/v2/introspect")
            .revoke("/oauth/v2/revoke")
            .jwks("/oauth/v2/keys")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(HOST, "/oidc/v1/userinfo"),
                "end_session_endpoint": site.url(HOST, "/oidc/v1/end_session"),
            }),
        );
        vec![Document::new("/.well-known/openid-configuration", body)]
    }

    fn clients(&self) -> [&'static str; 2] {
        ["69234237810729234", "69234237810729235"]
    }

    fn kid(&self, key: &SigningKey) -> String {
        digits(&key.thumbprint)
    }

    /// `resource` does nothing; the project decides.
    fn target<'a>(&self, _asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(None)
    }

    fn audience(&self, _resource: &str) -> String {
        PROJECT.to_owned()
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User | Kind::Machine => Token::Signed(access(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Opaque => {
                Token::opaque("", with(access(ask), json!({"scope": ask.scope_claim()})))
            }
            Kind::Refresh => Token::Nothing,
        }
    }
}

/// Ids are numbers of 18 digits, written as strings.
fn digits(octets: &[u8]) -> String {
    let mut text: String = octets
        .iter()
        .map(|octet| (octet % 10).to_string())
        .collect();
    text.truncate(18);
    text.replacen('0', "1", 1)
}

fn subject<'a>(ask: &'a Ask<'_>) -> &'a str {
    ask.subject_or(if ask.for_client { ask.client } else { USER })
}

fn access(ask: &Ask<'_>) -> Value {
    let organization = ask.tenant_or(ORGANIZATION);
    ask.claims(json!({
        "sub": subject(ask),
        "aud": [OTHER_CLIENT, ask.client, PROJECT],
        "azp": ask.client,
        "client_id": ask.client,
        "nbf": ask.issued_at(),
        "jti": digits(&crate::crypto::sha256(crate::crypto::random_token().as_bytes())),
        "urn:zitadel:iam:user:resourceowner:id": organization,
        "urn:zitadel:iam:org:project:roles": {"admin": {organization: "acme.example"}},
    }))
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": subject(ask),
        "aud": [OTHER_CLIENT, ask.client, PROJECT],
        "azp": ask.client,
        "client_id": ask.client,
        "auth_time": ask.issued_at(),
        "amr": ["pwd"],
        "nonce": ask.nonce,
        "at_hash": "kRZ8exampleHash0000000",
        "sid": "V1_69234237810729400",
    }))
}
