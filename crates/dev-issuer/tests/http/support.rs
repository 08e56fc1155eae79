//! A running issuer and a client that speaks to it in raw HTTP.

use std::collections::HashMap;

use aws_lc_rs::{digest, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, Header, Validation, jwk::JwkSet};
use oauthgate_dev_issuer::{DevIssuer, DevIssuerOptions, Resource, StaticClient};
use reqwest::{Client, Response, Url, redirect::Policy};
use serde_json::{Value, json};

/// The resource every server of these tests knows.
pub(crate) const RESOURCE: &str = "http://127.0.0.1:8080/mcp";
/// The redirect URI of most tests.
pub(crate) const REDIRECT: &str = "http://127.0.0.1:4321/callback";

pub(crate) struct Server {
    pub(crate) issuer: DevIssuer,
    pub(crate) http: Client,
}

/// A consent page as a browser holds it.
pub(crate) struct ConsentPage {
    pub(crate) html: String,
    pub(crate) ticket: String,
    pub(crate) cookie: String,
    pub(crate) headers: reqwest::header::HeaderMap,
}

/// A code verifier and its challenge.
pub(crate) struct Pkce {
    pub(crate) verifier: String,
    pub(crate) challenge: String,
}

impl Pkce {
    pub(crate) fn new() -> Self {
        let mut bytes = [0_u8; 32];
        rand::fill(&mut bytes).unwrap();
        let verifier = URL_SAFE_NO_PAD.encode(bytes);
        let challenge =
            URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        Self {
            verifier,
            challenge,
        }
    }
}

impl Server {
    pub(crate) async fn start(change: impl FnOnce(&mut DevIssuerOptions)) -> Self {
        let resource = Resource::new(RESOURCE)
            .scope("notes:read", "Read your notes")
            .scope("notes:write", "Change your notes");
        let mut options = DevIssuerOptions {
            resources: vec![resource],
            clients: vec![StaticClient::confidential("service", "service-secret")],
            algorithms: vec![oauthgate_dev_issuer::Algorithm::Es256],
            control_api: true,
            ..DevIssuerOptions::default()
        };
        change(&mut options);
        let http = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .unwrap();
        Self {
            issuer: DevIssuer::start(options).await.unwrap(),
            http,
        }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.issuer.issuer()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }

    /// The URL of a path at the root of the host, outside the issuer's own path.
    pub(crate) fn root(&self, path: &str) -> String {
        format!("http://{}{path}", self.issuer.address())
    }

    pub(crate) async fn json(&self, url: &str) -> Value {
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Registers a public client and gives its id.
    pub(crate) async fn register(&self, redirect_uri: &str) -> String {
        let (status, answer) = self
            .register_with(&json!({
                "client_name": "Test client",
                "redirect_uris": [redirect_uri],
                "grant_types": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_method": "none",
            }))
            .await;
        assert_eq!(status, 201, "{answer}");
        text(&answer["client_id"]).to_owned()
    }

    pub(crate) async fn register_with(&self, metadata: &Value) -> (u16, Value) {
        answer(
            self.http
                .post(self.url("/register"))
                .json(metadata)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn get_authorize(&self, query: &[(&str, &str)]) -> Response {
        self.http
            .get(self.url("/authorize"))
            .query(query)
            .send()
            .await
            .unwrap()
    }

    /// A good authorization request with `changes`: an empty value leaves a parameter out.
    pub(crate) async fn authorize_response(
        &self,
        pkce: &Pkce,
        client_id: &str,
        redirect_uri: &str,
        changes: &[(&str, &str)],
    ) -> Response {
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("state", "state-1"),
            ("code_challenge", &pkce.challenge),
            ("code_challenge_method", "S256"),
            ("resource", RESOURCE),
        ];
        query.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        query.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        self.get_authorize(&query).await
    }

    /// The parameters that come back to the client.
    pub(crate) async fn authorize(
        &self,
        pkce: &Pkce,
        client_id: &str,
        redirect_uri: &str,
        changes: &[(&str, &str)],
    ) -> Value {
        let response = self
            .authorize_response(pkce, client_id, redirect_uri, changes)
            .await;
        assert_eq!(response.status(), 303);
        let location = response.headers()["location"].to_str().unwrap();
        assert!(location.starts_with(redirect_uri), "{location}");
        parameters(&response)
    }

    pub(crate) async fn consent_page(
        &self,
        pkce: &Pkce,
        client_id: &str,
        scope: &str,
    ) -> ConsentPage {
        let response = self
            .authorize_response(pkce, client_id, REDIRECT, &[("scope", scope)])
            .await;
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        let cookie = headers["set-cookie"]
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let html = response.text().await.unwrap();
        let ticket = html
            .split("name=\"ticket\" value=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        ConsentPage {
            html,
            ticket,
            cookie,
            headers,
        }
    }

    pub(crate) async fn decide(&self, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
        let request = self.http.post(self.url("/authorize/decision")).form(form);
        headers
            .iter()
            .fold(request, |request, (name, value)| {
                request.header(*name, *value)
            })
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let response = self
            .http
            .post(self.url("/token"))
            .form(form)
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store");
        answer(response).await
    }

    /// Redeems a code of [`REDIRECT`].
    pub(crate) async fn redeem(&self, pkce: &Pkce, client_id: &str, code: &str) -> (u16, Value) {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", &pkce.verifier),
            ("client_id", client_id),
            ("redirect_uri", REDIRECT),
        ])
        .await
    }

    /// Client id and tokens of a whole login.
    pub(crate) async fn log_in(&self, scope: &str) -> (String, Value) {
        let client_id = self.register("http://127.0.0.1/callback").await;
        let pkce = Pkce::new();
        let answer = self
            .authorize(&pkce, &client_id, REDIRECT, &[("scope", scope)])
            .await;
        let (status, tokens) = self.redeem(&pkce, &client_id, text(&answer["code"])).await;
        assert_eq!(status, 200, "{tokens}");
        (client_id, tokens)
    }

    pub(crate) async fn refresh(
        &self,
        client_id: &str,
        token: &str,
        more: &[(&str, &str)],
    ) -> (u16, Value) {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", client_id),
        ];
        form.extend(more);
        self.token(&form).await
    }

    /// What the confidential client of these tests is told about a token.
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let request = self
            .http
            .post(self.url("/introspect"))
            .basic_auth("service", Some("service-secret"));
        let response = request.form(&[("token", token)]).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// Verifies with the published keys and another library.
    pub(crate) async fn verify(&self, token: &str, audience: &str) -> (Header, Value) {
        self.try_verify(token, audience).await.unwrap()
    }

    pub(crate) async fn try_verify(
        &self,
        token: &str,
        audience: &str,
    ) -> Result<(Header, Value), jsonwebtoken::errors::Error> {
        let keys: JwkSet = serde_json::from_value(self.json(&self.url("/jwks")).await).unwrap();
        let header = jsonwebtoken::decode_header(token)?;
        let Some(jwk) = keys.find(header.kid.as_deref().unwrap()) else {
            return Err(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into());
        };
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[self.issuer()]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 0;
        let decoded =
            jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(jwk)?, &validation)?;
        Ok((decoded.header, decoded.claims))
    }
}

pub(crate) async fn answer(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The query of a `Location`; `Null` for what is not there.
pub(crate) fn parameters(response: &Response) -> Value {
    let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    let pairs: HashMap<String, String> = location.query_pairs().into_owned().collect();
    json!(pairs)
}

pub(crate) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {value}"))
}
