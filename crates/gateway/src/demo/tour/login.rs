//! The client's way through the login: registration, authorization code with PKCE, token.

use aws_lc_rs::{digest, rand};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use http::StatusCode;
use serde_json::json;
use url::Url;

use super::client::{Client, Server, Step, expect_status, json as json_of, send, text};

/// Where the browser would come back to. Nobody listens there: the redirect itself is read.
const REDIRECT_URI: &str = "http://127.0.0.1:1/callback";

/// A client that the authorization server knows.
pub(super) struct Registered {
    client_id: String,
}

impl Registered {
    /// RFC 7591.
    pub(super) async fn new(client: &Client, server: &Server) -> Step<Self> {
        let request = json!({
            "client_name": "The tour", "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code"], "response_types": ["code"],
        });
        let response = send(client.post(&server.registration_endpoint).json(&request)).await?;
        expect_status(&response, StatusCode::CREATED)?;
        let client_id = text(&json_of(response).await?, "/client_id")?;
        Ok(("201".to_owned(), Self { client_id }))
    }
}

/// What each login needs.
pub(super) struct Login<'tour> {
    pub(super) client: &'tour Client,
    pub(super) server: &'tour Server,
    pub(super) registered: &'tour Registered,
    pub(super) resource: &'tour str,
}

/// A code, and the secret that only its client can redeem it with.
pub(super) struct Code {
    code: String,
    verifier: String,
}

impl Login<'_> {
    /// The redirect must carry our `state`, and the issuer that we asked (RFC 9207).
    pub(super) async fn authorize(&self, scope: &str) -> Step<Code> {
        let (verifier, state) = (random()?, random()?);
        let url = self.authorization_url(scope, &verifier, &state)?;
        let response = send(self.client.get(url.as_str())).await?;
        if !response.status().is_redirection() {
            return Err(format!("expected a redirect, got {}", response.status()));
        }
        let location = response
            .headers()
            .get("location")
            .and_then(|value| value.to_str().ok())
            .ok_or("the redirect has no Location")?;
        let back = Url::parse(location).map_err(|error| format!("Location {location}: {error}"))?;
        let answer = |name: &str| {
            let mut pairs = back.query_pairs();
            pairs
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .ok_or_else(|| format!("no {name} in the redirect: {}", back.query().unwrap_or("")))
        };
        if answer("state")? != state {
            return Err("the redirect carries another state".to_owned());
        }
        if answer("iss")? != self.server.issuer {
            return Err("the redirect comes from another issuer".to_owned());
        }
        let code = answer("code")?;
        Ok((
            format!("{}, scope {scope:?}", response.status().as_u16()),
            Code { code, verifier },
        ))
    }

    fn authorization_url(&self, scope: &str, verifier: &str, state: &str) -> Result<Url, String> {
        let challenge = BASE64.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let mut url = Url::parse(&self.server.authorization_endpoint)
            .map_err(|error| format!("the authorization endpoint: {error}"))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.registered.client_id)
            .append_pair("redirect_uri", REDIRECT_URI)
            .append_pair("scope", scope)
            .append_pair("state", state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("resource", self.resource);
        Ok(url)
    }

    pub(super) async fn redeem(&self, code: &Code) -> Step<String> {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", self.registered.client_id.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("code", &code.code),
            ("code_verifier", &code.verifier),
            ("resource", self.resource),
        ];
        let response = send(self.client.post(&self.server.token_endpoint).form(&form)).await?;
        expect_status(&response, StatusCode::OK)?;
        let answer = json_of(response).await?;
        let token = text(&answer, "/access_token")?;
        let scope = text(&answer, "/scope").unwrap_or_default();
        Ok((format!("200, scope {scope:?}"), token))
    }
}

fn random() -> Result<String, String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| "the system has no randomness".to_owned())?;
    Ok(BASE64.encode(bytes))
}
