//! The authorization code flow with PKCE, as any client plays it at any authorization server.

use serde_json::Value;
use url::Url;

use crate::browser::{Browser, REDIRECT_URI, client};

/// The example of RFC 7636, appendix B: a secret of nobody.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What a login yields.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The ID token.
    pub id: String,
    /// The refresh token.
    pub refresh: String,
}

impl Tokens {
    /// Reads a token response under the names of its members.
    pub(crate) fn read(answer: &Value, names: [&str; 3]) -> Self {
        let [access, id, refresh] = names.map(|name| {
            let token = answer[name].as_str();
            token
                .unwrap_or_else(|| panic!("no {name} in {answer}"))
                .to_owned()
        });
        Self {
            access,
            id,
            refresh,
        }
    }
}

/// A public client's login for one resource.
#[derive(Debug)]
pub(crate) struct Login<'a> {
    /// Where a browser begins.
    pub(crate) authorization_endpoint: String,
    /// Where the code becomes tokens.
    pub(crate) token_endpoint: String,
    pub(crate) client_id: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) resource: &'a str,
    /// What this server wants besides.
    pub(crate) more: &'a [(&'a str, &'a str)],
}

impl Login<'_> {
    /// Plays it to the end.
    pub(crate) async fn play(&self, browser: &mut Browser) -> Tokens {
        let back = browser.log_in(self.beginning().as_str()).await;
        let code = back.query_pairs().find(|(name, _)| name == "code");
        let (_, code) = code.unwrap_or_else(|| panic!("the login failed: {back}"));
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT_URI),
            ("client_id", self.client_id),
            ("code_verifier", VERIFIER),
            ("resource", self.resource),
        ];
        let request = client().post(&self.token_endpoint).form(&form);
        let answer = token_response(request).await;
        Tokens::read(&answer, ["access_token", "id_token", "refresh_token"])
    }

    fn beginning(&self) -> Url {
        let mut url = Url::parse(&self.authorization_endpoint).expect("an absolute URL");
        url.query_pairs_mut()
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", self.client_id),
                ("redirect_uri", REDIRECT_URI),
                ("scope", self.scope),
                ("resource", self.resource),
                ("state", "any"),
                ("nonce", "any"),
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
            ])
            .extend_pairs(self.more);
        url
    }
}

/// The answer of a token endpoint, which must be a good one.
pub(crate) async fn token_response(request: reqwest::RequestBuilder) -> Value {
    let response = request.send().await.expect("the token endpoint answers");
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    assert!(status.is_success(), "no token: {status} {text}");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

/// An access token by client credentials.
pub(crate) async fn client_credentials(
    token_endpoint: &str,
    (client_id, secret): (&str, &str),
    resource: &str,
    scope: &str,
) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("resource", resource),
    ];
    let request = client().post(token_endpoint).form(&form);
    let answer = token_response(request.basic_auth(client_id, Some(secret))).await;
    let token = answer["access_token"].as_str();
    token
        .unwrap_or_else(|| panic!("no token: {answer}"))
        .to_owned()
}
