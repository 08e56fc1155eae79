//! Google: access tokens are opaque and only `tokeninfo` knows them; ID tokens are JWTs.

use serde_json::{Value, json};

use super::{
    kind::Kind,
    provider::{Ask, Provider, Token, TokenInfo},
    shape::{hex, with},
    site::{Document, Endpoints, Site},
};
use crate::keys::{Algorithm, SigningKey};

const HOST: &str = "accounts.google.com";
const OAUTH: &str = "oauth2.googleapis.com";
const KEYS: &str = "www.googleapis.com";
const USER: &str = "110169484474386276334";

/// The one issuer for everybody.
#[derive(Debug)]
pub(crate) struct Google;

impl Provider for Google {
    fn hosts(&self) -> &'static [&'static str] {
        &[HOST, OAUTH, KEYS]
    }

    fn issuer(&self, site: &Site, _tenant: Option<&str>) -> String {
        site.url(HOST, "")
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints::at(HOST)
            .authorize("/o/oauth2/v2/auth")
            .token("/token")
            .revoke("/revoke")
            .keys_at(KEYS)
            .jwks("/oauth2/v3/certs")
    }

    fn documents(&self, site: &Site) -> Vec<Document> {
        let usual = self.endpoints().metadata(site, &self.issuer(site, None));
        let body = with(
            usual,
            json!({
                "token_endpoint": site.url(OAUTH, "/token"),
                "revocation_endpoint": site.url(OAUTH, "/revoke"),
                "scopes_supported": ["openid", "email", "profile"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "code_challenge_methods_supported": ["plain", "S256"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "response_modes_supported": null,
            }),
        );
        vec![Document::new("/.well-known/openid-configuration", body)]
    }

    fn clients(&self) -> [&'static str; 2] {
        [
            "407408718192.apps.googleusercontent.com",
            "104128712345678901234",
        ]
    }

    fn login_needs_secret(&self) -> bool {
        true
    }

    fn scope(&self, for_client: bool) -> &'static str {
        match for_client {
            true => "https://www.googleapis.com/auth/userinfo.email",
            false => "openid https://www.googleapis.com/auth/userinfo.email",
        }
    }

    /// Current and next.
    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::Rs256, Algorithm::Rs256]
    }

    fn kid(&self, key: &SigningKey) -> String {
        hex(&key.thumbprint, 40)
    }

    fn target<'a>(&self, _asked: Option<&'a str>) -> Result<Option<&'a str>, &'static str> {
        Ok(None)
    }

    fn token_info(&self) -> Option<TokenInfo> {
        Some(TokenInfo::Google { path: "/tokeninfo" })
    }

    fn token(&self, ask: &Ask<'_>) -> Token {
        match ask.kind {
            Kind::User | Kind::Machine | Kind::Opaque => Token::opaque("ya29.a0", token_info(ask)),
            Kind::Id => Token::Signed(id(ask)),
            Kind::Refresh => Token::opaque("1//0", json!({})),
        }
    }

    fn audience(&self, _resource: &str) -> String {
        self.clients().join(" ")
    }

    fn settings(&self, site: &Site) -> Vec<(&'static str, String)> {
        vec![("OAUTHGATE_INTROSPECTION_URL", site.url(OAUTH, "/tokeninfo"))]
    }
}

/// Numbers and truth values are strings here.
fn token_info(ask: &Ask<'_>) -> Value {
    let usual_subject = if ask.for_client { ask.client } else { USER };
    let has_email = !ask.for_client && ask.scope.contains("email");
    with(
        json!({
            "azp": ask.client,
            "aud": ask.client,
            "sub": ask.subject_or(usual_subject),
            "scope": ask.scope_claim(),
            "exp": ask.expires.to_string(),
            "expires_in": (ask.expires - ask.issued_at()).to_string(),
            "access_type": "online",
        }),
        json!({
            "email": has_email.then_some(&ask.user.email),
            "email_verified": has_email.then_some("true"),
        }),
    )
}

fn id(ask: &Ask<'_>) -> Value {
    ask.claims(json!({
        "azp": ask.client,
        "aud": ask.client,
        "sub": ask.subject_or(USER),
        "hd": ask.tenant_or("example.com"),
        "email": ask.user.email,
        "email_verified": true,
        "nonce": ask.nonce,
        "name": ask.user.name,
    }))
}
