//! Client id metadata documents: a client whose id is the URL of its own metadata.
//!
//! Whoever can open the authorization endpoint chooses what this server fetches, so: `https` to public addresses, or
//! `http` to loopback; the name is resolved once and the connection goes to those addresses; no redirect, five
//! seconds, 64 KiB, eight at a time.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;
use tokio::sync::Semaphore;
use url::Url;

use super::{client::Client, metadata::ClientMetadata};
use crate::{error::OAuthError, loopback};

const MAX_SIZE: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_CONCURRENT: usize = 8;

#[derive(Debug, Deserialize)]
struct Document {
    client_id: String,
    #[serde(flatten)]
    metadata: ClientMetadata,
}

/// The URL behind a client id, if the id is one that a document may live at: `https` or loopback `http`, with a path,
/// and written as URL parsers write it.
pub(super) fn document_url(client_id: &str) -> Option<Url> {
    let url = Url::parse(client_id).ok()?;
    let reachable =
        url.scheme() == "https" || (url.scheme() == "http" && loopback::is_loopback_url(&url));
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (reachable && plain && url.path() != "/" && url.as_str() == client_id).then_some(url)
}

/// Fetches documents, few at a time.
#[derive(Debug)]
pub(super) struct DocumentFetcher(Semaphore);

impl Default for DocumentFetcher {
    fn default() -> Self {
        Self(Semaphore::new(MAX_CONCURRENT))
    }
}

impl DocumentFetcher {
    pub(super) async fn fetch(&self, client_id: &str, url: &Url) -> Result<Client, OAuthError> {
        let Ok(_turn) = self.0.try_acquire() else {
            return Err(refused("too many client documents are being fetched"));
        };
        let body = tokio::time::timeout(TIMEOUT, download(url))
            .await
            .unwrap_or_else(|_| Err(refused("the client document took too long")))?;
        parse(client_id, &body)
    }
}

fn parse(client_id: &str, body: &[u8]) -> Result<Client, OAuthError> {
    let document: Document = serde_json::from_slice(body)
        .map_err(|_| refused("the client document is no client metadata"))?;
    if document.client_id != client_id {
        return Err(refused("the client document names another client_id"));
    }
    if !matches!(
        document.metadata.token_endpoint_auth_method.as_deref(),
        None | Some("none")
    ) {
        return Err(refused(
            "a client with a document can only use token_endpoint_auth_method none",
        ));
    }
    // Without a shared secret the default of RFC 7591 cannot hold.
    let metadata = document.metadata.without_secret();
    metadata.into_client(client_id.to_owned())
}

async fn download(url: &Url) -> Result<Vec<u8>, OAuthError> {
    let addresses = permitted_addresses(url).await?;
    let unreachable = |_| refused("the client document cannot be fetched");
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT);
    if let Some(name) = url.domain() {
        builder = builder.resolve_to_addrs(name, &addresses);
    }
    let request = builder
        .build()
        .map_err(unreachable)?
        .get(url.clone())
        .header("accept", "application/json");
    let mut response = request.send().await.map_err(unreachable)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(refused("the client document's server did not answer 200"));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_SIZE {
            return Err(refused("the client document is too large"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Where the connection may go. All addresses of the name must be of the kind its scheme allows.
async fn permitted_addresses(url: &Url) -> Result<Vec<SocketAddr>, OAuthError> {
    let unresolved = || refused("the client document's host has no address");
    let host = url
        .host_str()
        .ok_or_else(unresolved)?
        .trim_matches(['[', ']']);
    let port = url.port_or_known_default().ok_or_else(unresolved)?;
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|_| unresolved())?
        .collect();
    let loopback_wanted = loopback::is_loopback_url(url);
    let permitted = |address: &SocketAddr| {
        if loopback_wanted {
            address.ip().is_loopback()
        } else {
            loopback::is_public_address(address.ip())
        }
    };
    if addresses.is_empty() {
        return Err(unresolved());
    }
    if !addresses.iter().all(permitted) {
        return Err(refused(
            "the client document's host is not on the public internet",
        ));
    }
    Ok(addresses)
}

fn refused(description: &str) -> OAuthError {
    OAuthError::invalid_client(description, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_that_can_hold_a_document_are_fetched() {
        assert!(document_url("https://client.example/oauth/client.json").is_some());
        assert!(document_url("http://127.0.0.1:5000/client.json").is_some());
        for other in [
            "https://client.example/",
            "https://client.example",
            "http://client.example/client.json",
            "https://user@client.example/client.json",
            "https://client.example/client.json#x",
            "https://client.example/a/../client.json",
            "https://CLIENT.example/client.json",
            "some-id",
            "file:///etc/passwd",
        ] {
            assert!(document_url(other).is_none(), "{other}");
        }
    }

    #[tokio::test]
    async fn refuses_private_addresses() {
        for url in [
            "https://10.0.0.1/c.json",
            "https://169.254.169.254/c.json",
            "https://[fd00::1]/c.json",
        ] {
            let error = permitted_addresses(&Url::parse(url).unwrap())
                .await
                .unwrap_err();
            assert!(
                error.description.contains("public internet"),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn refuses_a_document_that_names_another_client() {
        let body =
            br#"{"client_id":"https://other.example/c","redirect_uris":["https://a.example/cb"]}"#;
        assert!(
            parse("https://client.example/c", body)
                .unwrap_err()
                .description
                .contains("another")
        );
    }

    #[test]
    fn refuses_a_document_that_asks_for_a_secret() {
        let body = br#"{"client_id":"https://c.example/c","redirect_uris":["https://a.example/cb"],
            "token_endpoint_auth_method":"client_secret_basic"}"#;
        assert!(parse("https://c.example/c", body).is_err());
    }

    #[test]
    fn accepts_a_public_client_and_gives_it_no_secret() {
        let body =
            br#"{"client_id":"https://c.example/c","redirect_uris":["https://a.example/cb"]}"#;
        assert!(
            !parse("https://c.example/c", body)
                .unwrap()
                .is_confidential()
        );
    }
}
