//! Asks the admin listener of a running gate: one request on a connection of its own.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use url::Url;

/// A refresh waits for the issuers, up to 20 seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// No answer is longer: a thousand keys of each of many issuers.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Where the admin listener is, and the token for it.
#[derive(Debug)]
pub(super) struct AdminClient {
    /// `host:port`, for the connection and the `Host` line.
    pub(super) authority: String,
    pub(super) token: Option<SecretString>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

/// Nothing came back.
#[derive(Debug, thiserror::Error)]
#[error(
    "the admin listener at http://{authority} cannot be asked; does the gate run there? (--admin names another place)"
)]
pub(super) struct Unreachable {
    authority: String,
    source: Cause,
}

/// `http://127.0.0.1:9090`: a plain HTTP URL without a path.
pub(super) fn authority(url: &str) -> Result<String, String> {
    let wrong = || "a URL such as http://127.0.0.1:9090, without a path".to_owned();
    let url = Url::parse(url).map_err(|_| wrong())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    match (url.scheme(), url.host(), url.port_or_known_default()) {
        ("http", Some(host), Some(port)) if bare && nobody => Ok(format!("{host}:{port}")),
        _ => Err(wrong()),
    }
}

impl AdminClient {
    /// Sends one call and reads its answer.
    pub(super) async fn call(&self, method: Method, target: &str) -> Result<Answer, Unreachable> {
        let answer = timeout(PATIENCE, self.exchange(method, target)).await;
        answer
            .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs()).into()))
            .map_err(|source| Unreachable {
                authority: self.authority.clone(),
                source,
            })
    }

    async fn exchange(&self, method: Method, target: &str) -> Result<Answer, Cause> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .body(Empty::<Bytes>::new())?;
        *request.headers_mut() = self.headers()?;
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = body(response.into_body()).await?;
        connection.abort();
        Ok(Answer { status, body })
    }

    fn headers(&self) -> Result<HeaderMap, Cause> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, self.authority.parse()?);
        if let Some(token) = &self.token {
            let mut value: HeaderValue = format!("Bearer {}", token.expose_secret()).parse()?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

async fn body(body: Incoming) -> Result<Value, Cause> {
    let bytes = Limited::new(body, LONGEST_ANSWER).collect().await?;
    let value = serde_json::from_slice(&bytes.to_bytes());
    value.map_err(|error| format!("the answer is not the admin listener's: {error}").into())
}

/// A text as part of a path or query: every byte that could mean something there, and the dots of
/// `..`, as `%XX`.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://127.0.0.1:9090", Some("127.0.0.1:9090"))]
    #[case("http://[::1]:1/", Some("[::1]:1"))]
    #[case("http://gate.internal", Some("gate.internal:80"))]
    #[case("https://127.0.0.1:9090", None)]
    #[case("http://127.0.0.1:9090/keys", None)]
    #[case("http://me:secret@127.0.0.1:9090", None)]
    #[case("127.0.0.1:9090", None)]
    fn the_place_is_a_plain_url_without_a_path(#[case] url: &str, #[case] expected: Option<&str>) {
        assert_eq!(authority(url).ok().as_deref(), expected);
    }

    #[rstest]
    #[case("key-1_A", "key-1_A")]
    #[case("../a b?c", "%2E%2E%2Fa%20b%3Fc")]
    #[case("ö", "%C3%B6")]
    fn any_text_is_one_part_of_a_path(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(encoded(text), expected);
    }
}
