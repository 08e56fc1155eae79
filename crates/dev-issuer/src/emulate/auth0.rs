//! Auth0: the issuer ends with a slash, `aud` is an API that the client asked for, and without one the token is opaque.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token},
    shape::{hex, random_name, with, x5c, x5t},
    site::{Document, Endpoints, Site},
};
use crate::keys::{Algorithm, SigningKey};

const HOST: &str = "acme.eu.auth0.com";
/// A custom domain: `iss` is whichever domain the client called.
const CUSTOM_HOST: &str = "login.acme.example";
const USER: &str = "auth0|602c0dcab993d10073daf680";
const ORGANIZATION: &str = "org_9ybsU1dN2dKfDkBi";

/// A tenant, by the profile of its API's access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth0 {
    /// Auth0's own, called at the tenant's domain.
    Default,
    /// RFC 9068, called at the custom domain.
    Rfc9068,
}

impl Auth0 {
    fn host(self) -> &'static str {
        match self {
            Self::Default => HOST,
            Self::Rfc9068 => CUSTOM_HOST,
        }
    }
}

impl Provider for Auth0 {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST, CUSTOM_HOST]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(self.host(), "/")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(self.host())
            .authorize("/authorize")
            .token("/oauth/token")
            .register("/oidc/register")
            .revoke("/oauth/revoke")
            .jwks("/.well-known/jwks.json")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "userinfo_endpoint": site.url(self.host(), "/userinfo"),
                "response_types_supported": ["code", "token", "id_token"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "grant_types_supported": null,
                "code_challenge_methods_supported": ["S256", "plain"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
                "id_token_signing_alg_values_supported": ["HS256", "RS256", "PS256"],
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

    fn clients(&self) -> [&'static str; 2] {
        [
            "ENDmmAJsbwI1hOG1KPJddQ8L0wEc3xVh",
            "CS2MNgcX1VZFCJaEzfKw2VPAq8yT5rBn",
        ]
    }

    /// Current and next.
    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::Rs256, Algorithm::Rs256]
    }

    fn kid(&self, key: &SigningKey) -> String {
        hex(&key.thumbprint, 22).to_uppercase()
    }

    fn jwk(&self, _site: &Site, key: &SigningKey) -> Value {
        json!({"x5t": x5t(key), "x5c": x5c(key)})
    }

    fn audience_parameter(&self) -> Option<&'static str> {
        Some("audience")
    }

    fn header(&self, ask: &Ask<'_>, _key: &SigningKey) -> Value {
        match (self, ask.kind) {
            (Self::Rfc9068, Kind::User | Kind::Machine) => json!({"typ": "at+jwt"}),
            _ => json!({"typ": "JWT"}),
        }
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match (ask.kind, ask.audience) {
            (Kind::User | Kind::Machine, None) | (Kind::Opaque, _) => {
                Token::opaque("", json!({"sub": ask.subject_or(USER)}))
            }
            (Kind::User, Some(api)) => Token::Signed(self.user(ask, api)),
            (Kind::Machine, Some(api)) => Token::Signed(self.machine(ask, api)),
            (Kind::Id, _) => Token::Signed(id(ask)),
            (Kind::Refresh, _) => Token::opaque("v1.", json!({})),
        }
    }
}

impl Auth0 {
    /// With `openid`, the token opens the userinfo endpoint, too.
    fn user(self, ask: &Ask<'_>, api: &str) -> Value {
        let userinfo = ask.site.url(self.host(), "/userinfo");
        let audience = match ask.scopes().contains(&"openid") {
            true => json!([api, userinfo]),
            false => json!(api),
        };
        let claims = ask.claims(json!({
            "sub": ask.subject_or(USER),
            "aud": audience,
            "scope": ask.scope_claim(),
            "org_id": ask.tenant_or(ORGANIZATION),
            "permissions": ["tools:read", "tools:write"],
        }));
        with(claims, self.client(ask))
    }

    fn machine(self, ask: &Ask<'_>, api: &str) -> Value {
        let subject = format!("{}@clients", ask.client);
        let claims = ask.claims(json!({
            "sub": ask.subject_or(&subject),
            "aud": api,
            "scope": ask.scope_claim(),
        }));
        let own = match self {
            Self::Default => json!({"gty": "client-credentials"}),
            Self::Rfc9068 => json!({}),
        };
        with(with(claims, own), self.client(ask))
    }

    fn client(self, ask: &Ask<'_>) -> Value {
        match self {
            Self::Default => json!({"azp": ask.client}),
            Self::Rfc9068 => json!({"client_id": ask.client, "jti": random_name(22)}),
        }
    }
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "sub": ask.subject_or(USER),
        "aud": ask.client,
        "nickname": "ana",
        "name": ask.user.name,
        "email": ask.user.email,
        "email_verified": true,
        "sid": random_name(32),
        "nonce": ask.nonce,
        "org_id": ask.tenant_or(ORGANIZATION),
    }))
}
