//! The client's HTTP side: what it sends, and what it makes of challenges and documents.

use std::time::Duration;

use http::StatusCode;
use reqwest::{RequestBuilder, Response, redirect::Policy};
use serde_json::Value;

/// What was seen, in a few words, and what the next step needs; or what was wrong.
pub(super) type Step<T> = Result<(String, T), String>;

/// An HTTP client that follows no redirect: each one is a step of its own.
pub(super) struct Client {
    http: reqwest::Client,
}

/// What the 401 says.
pub(super) struct Challenged {
    pub(super) resource_metadata: String,
    pub(super) scope: String,
}

/// Where the authorization server's endpoints are.
pub(super) struct Server {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) registration_endpoint: String,
}

impl Client {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tour plays an MCP client; it is no part of the validator"
    )]
    pub(super) fn new(patience: Duration) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(patience)
            .build();
        Ok(Self {
            http: http.map_err(|error| chain(&error))?,
        })
    }

    pub(super) fn get(&self, url: &str) -> RequestBuilder {
        self.http.get(url)
    }

    pub(super) fn post(&self, url: &str) -> RequestBuilder {
        self.http.post(url)
    }

    pub(super) async fn challenge(&self, mcp: &str) -> Step<Challenged> {
        let ping = serde_json::json!({ "jsonrpc": "2.0", "id": 0, "method": "ping" });
        let response = send(self.post(mcp).json(&ping)).await?;
        expect_status(&response, StatusCode::UNAUTHORIZED)?;
        let challenge = challenge_of(&response)?;
        if parameter(&challenge, "error").is_some() {
            return Err(format!("an error code without a token: {challenge}"));
        }
        let challenged = Challenged {
            resource_metadata: required_parameter(&challenge, "resource_metadata")?,
            scope: required_parameter(&challenge, "scope")?,
        };
        Ok((format!("401, scope {:?}", challenged.scope), challenged))
    }

    /// RFC 9728 §3.3: the document must be about the very URL that was called.
    pub(super) async fn resource_metadata(
        &self,
        challenged: &Challenged,
        mcp: &str,
    ) -> Step<String> {
        let document = self.document(&challenged.resource_metadata).await?;
        let resource = text(&document, "/resource")?;
        if resource != mcp {
            return Err(format!("it is about {resource}, not {mcp}"));
        }
        let issuer = text(&document, "/authorization_servers/0")?;
        Ok((format!("200, resource {resource}"), issuer))
    }

    /// RFC 8414 §3.3: the document must name the very issuer that was asked for.
    pub(super) async fn server_metadata(&self, issuer: &str) -> Step<Server> {
        let url = format!("{issuer}/.well-known/oauth-authorization-server");
        let document = self.document(&url).await?;
        let server = Server {
            issuer: text(&document, "/issuer")?,
            authorization_endpoint: text(&document, "/authorization_endpoint")?,
            token_endpoint: text(&document, "/token_endpoint")?,
            registration_endpoint: text(&document, "/registration_endpoint")?,
        };
        if server.issuer != issuer {
            return Err(format!("it is about {}, not {issuer}", server.issuer));
        }
        Ok((format!("200, issuer {issuer}"), server))
    }

    pub(super) async fn refused_elsewhere(&self, url: &str, token: &str) -> Step<()> {
        let response = send(self.get(url).bearer_auth(token)).await?;
        expect_status(&response, StatusCode::UNAUTHORIZED)?;
        let challenge = challenge_of(&response)?;
        let error = required_parameter(&challenge, "error")?;
        Ok((format!("401 {error}"), ()))
    }

    async fn document(&self, url: &str) -> Result<Value, String> {
        let response = send(self.get(url)).await?;
        expect_status(&response, StatusCode::OK)?;
        json(response).await
    }
}

pub(super) async fn send(request: RequestBuilder) -> Result<Response, String> {
    request.send().await.map_err(|error| chain(&error))
}

pub(super) async fn json(response: Response) -> Result<Value, String> {
    let text = response.text().await.map_err(|error| chain(&error))?;
    serde_json::from_str(&text).map_err(|error| format!("no JSON ({error}): {text:.200}"))
}

pub(super) fn expect_status(response: &Response, expected: StatusCode) -> Result<(), String> {
    if response.status() == expected {
        return Ok(());
    }
    let challenge = challenge_of(response).unwrap_or_default();
    Err(format!(
        "expected {}, got {} {challenge}",
        expected.as_u16(),
        response.status()
    ))
}

pub(super) fn challenge_of(response: &Response) -> Result<String, String> {
    let value = response.headers().get("www-authenticate");
    let value = value.ok_or_else(|| "the answer has no WWW-Authenticate".to_owned())?;
    let text = value.to_str().map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

pub(super) fn required_parameter(challenge: &str, name: &str) -> Result<String, String> {
    parameter(challenge, name).ok_or_else(|| format!("no {name} in the challenge {challenge}"))
}

/// Reads a challenge no better than most clients do: what satisfies this satisfies them.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

pub(super) fn text(document: &Value, pointer: &str) -> Result<String, String> {
    let text = document.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| format!("no {pointer} in {document:.400}"))
}

fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
