//! The only place that builds an HTTP client, with the limits of rule R12 built in.
//!
//! - https, or http on this machine; no credentials in the URL.
//! - Redirects are followed three times at most, and within their origin: `jwks_uri` is a location, and
//!   a redirect to another host is how foreign keys get into a cache. The operator can name such hosts.
//!   Every hop is judged like the first; no header of ours that says anything follows to another origin.
//! - 2 s to connect, 5 s for everything, 512 KiB of body, counted while it streams in. No encoding is
//!   offered, so nothing is unpacked.
//! - Headers that the operator gave go to the one origin they were given for, and never behind a redirect to
//!   another.
//! - Addresses are judged *after* resolution, and the judged ones are the ones connected to. Behind a
//!   proxy the proxy resolves: then addresses that a URL spells out are judged, and names are not.

mod error;
mod fetch_headers;
mod headers;
mod post;
mod redirect;
mod resolver;

use std::{sync::Arc, time::Duration};

pub(crate) use error::FetchError;
pub use fetch_headers::FetchHeaders;
pub(crate) use headers::RetryAfter;
use http::{HeaderMap, StatusCode, header};
use oauthgate_core::{SettingError, text::Printable};
pub(crate) use post::{Posted, Question};
use redirect::Redirects;
use reqwest::{Client, Proxy, Response};
pub(crate) use resolver::Lookup;
use resolver::{JudgingResolver, System};
use rustls::ClientConfig;
use url::{Origin, Url};

use crate::{
    address::AddressRule,
    outbound::{CertificateAuthorities, ForwardProxy, Outbound, RedirectHost},
};

/// The largest body that is read.
pub(crate) const BODY_LIMIT: usize = 512 * 1024;
/// The time for everything.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(5);
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// The most header lines of an answer, and over HTTP/2 the most bytes of them.
const MOST_HEADERS: usize = 64;
const HEADER_BYTES: u32 = 32 * 1024;
const USER_AGENT: &str = concat!("oauthgate/", env!("CARGO_PKG_VERSION"));

/// Fetches documents for one issuer.
#[derive(Debug, Clone)]
pub(crate) struct HttpFetcher {
    direct: Client,
    proxied: Option<(ForwardProxy, Client)>,
    rule: Arc<AddressRule>,
    redirect_hosts: Arc<[RedirectHost]>,
    authorities: CertificateAuthorities,
    credentials: Option<Arc<Credentials>>,
    time_limit: Duration,
}

/// Headers, and the only origin that gets them. A document or a redirect may name any URL; it must not make
/// us show there what the operator gave us for another one.
#[derive(Debug)]
struct Credentials {
    home: Origin,
    headers: FetchHeaders,
}

/// A document and what its headers say about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HttpAnswer {
    Document {
        body: Vec<u8>,
        entity_tag: Option<String>,
        max_age: Option<Duration>,
    },
    NotModified {
        max_age: Option<Duration>,
    },
}

impl HttpFetcher {
    /// A fetcher under this address rule, leaving the process as the operator said.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(rule: AddressRule, outbound: &Outbound) -> Result<Self, SettingError> {
        Self::assemble(rule, outbound, Arc::new(System))
    }

    pub(crate) fn assemble(
        rule: AddressRule,
        outbound: &Outbound,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, SettingError> {
        let rule = Arc::new(rule.opened_by(outbound));
        let tls = tls(&outbound.certificate_authorities).map_err(|error| no_tls(&error))?;
        let client = |rule, lookup, proxy| {
            client(tls.clone(), rule, lookup, proxy).map_err(|error| no_tls(&error))
        };
        let direct = client(Arc::clone(&rule), Arc::clone(&lookup), None)?;
        let proxied = outbound.proxy.as_ref().map(|proxy| {
            // Of this client the proxy is the only host that is ever resolved.
            let rule = Arc::new(AddressRule::new([proxy.url()]));
            Ok((proxy.clone(), client(rule, lookup, Some(proxy))?))
        });
        Ok(Self {
            direct,
            proxied: proxied.transpose()?,
            rule,
            redirect_hosts: outbound.redirect_hosts.as_slice().into(),
            authorities: outbound.certificate_authorities.clone(),
            credentials: None,
            time_limit: TIME_LIMIT,
        })
    }

    /// The same fetcher, which sends these headers along to this origin.
    pub(crate) fn with_headers(mut self, home: Origin, headers: FetchHeaders) -> Self {
        let credentials = Credentials { home, headers };
        self.credentials = (!credentials.headers.is_empty()).then(|| Arc::new(credentials));
        self
    }

    /// Fetches a JSON document.
    pub(crate) async fn get(
        &self,
        url: &Url,
        entity_tag: Option<&str>,
    ) -> Result<HttpAnswer, FetchError> {
        tokio::time::timeout(self.time_limit, self.follow(url, entity_tag))
            .await
            .unwrap_or(Err(FetchError::Timeout(self.time_limit)))
    }

    /// A document that lies at another origin keeps its tag there: the next fetch begins at this one.
    async fn follow(&self, start: &Url, tag: Option<&str>) -> Result<HttpAnswer, FetchError> {
        self.rule.admits_url(start)?;
        let mut redirects = Redirects {
            rule: &self.rule,
            hosts: &self.redirect_hosts,
            followed: 0,
        };
        let mut url = start.clone();
        loop {
            let is_home = url.origin() == start.origin();
            let behind = |error| behind(start, &url, error);
            let tag = tag.filter(|_| is_home);
            let headers = is_home.then(|| self.headers_for(&url)).flatten();
            let response = self.ask(&url, tag, headers).await.map_err(behind)?;
            let status = response.status();
            if !redirect::is_redirect(status) {
                let answer = self.read(response, tag.is_some()).await.map_err(behind)?;
                return Ok(if is_home { answer } else { answer.untagged() });
            }
            url = redirects
                .next(&url, status, response.headers())
                .map_err(behind)?;
        }
    }

    fn headers_for(&self, url: &Url) -> Option<HeaderMap> {
        let credentials = self.credentials.as_ref()?;
        (credentials.home == url.origin()).then(|| credentials.headers.to_map())
    }

    /// The client for this URL, and the proxy if it goes through one. Certificates that it will need are read
    /// here; when they cannot be, the handshake fails and says so.
    async fn client(&self, url: &Url) -> (&Client, Option<&ForwardProxy>) {
        let proxied = self.proxied.as_ref();
        let proxied = proxied.filter(|(proxy, _)| proxy.serves(url));
        let through = proxied.map(|(proxy, _)| proxy);
        if [Some(url), through.map(ForwardProxy::url)]
            .into_iter()
            .flatten()
            .any(|url| url.scheme() == "https")
        {
            let _ = self.authorities.read_system_store().await;
        }
        (proxied.map_or(&self.direct, |(_, client)| client), through)
    }

    async fn ask(
        &self,
        url: &Url,
        tag: Option<&str>,
        headers: Option<HeaderMap>,
    ) -> Result<Response, FetchError> {
        let (client, proxied) = self.client(url).await;
        let mut request = client
            .get(url.clone())
            .header(header::ACCEPT, "application/json");
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        match (request.send().await, proxied) {
            (Ok(response), None) => {
                if let Some(address) = response.remote_addr() {
                    self.rule.note_answer(url, address.ip());
                }
                Ok(response)
            }
            // Of the other end, only the proxy knows the address.
            (Ok(response), Some(_)) => Ok(response),
            (Err(error), None) => Err(self.explain(error)),
            (Err(error), Some(proxy)) => Err(FetchError::Proxy {
                proxy: proxy.to_string(),
                error: Box::new(self.explain(error)),
            }),
        }
    }

    async fn read(&self, response: Response, conditional: bool) -> Result<HttpAnswer, FetchError> {
        let headers = response.headers();
        let max_age = headers::freshness(headers);
        match response.status() {
            StatusCode::OK => {
                if let Some(encoding) = headers::encoding(headers) {
                    return Err(FetchError::Compressed(encoding));
                }
                Ok(HttpAnswer::Document {
                    entity_tag: headers::entity_tag(headers),
                    max_age,
                    body: self.body(response).await?,
                })
            }
            StatusCode::NOT_MODIFIED if conditional => Ok(HttpAnswer::NotModified { max_age }),
            status => Err(error::of_status(status, headers::retry_after(headers))),
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, FetchError> {
        if response
            .content_length()
            .is_some_and(|length| length > BODY_LIMIT as u64)
        {
            return Err(FetchError::TooLarge);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.explain(error))?
        {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn explain(&self, error: reqwest::Error) -> FetchError {
        error::of_request(&error.without_url(), self.time_limit)
    }
}

impl HttpAnswer {
    fn untagged(self) -> Self {
        match self {
            Self::Document { body, max_age, .. } => Self::Document {
                body,
                entity_tag: None,
                max_age,
            },
            Self::NotModified { max_age } => Self::NotModified { max_age },
        }
    }
}

/// What went wrong after a redirect is told with the place where it did.
fn behind(start: &Url, url: &Url, error: FetchError) -> FetchError {
    if start == url {
        return error;
    }
    FetchError::Behind {
        to: Printable(url.as_str()).to_string(),
        error: Box::new(error),
    }
}

/// HTTP/2 where the server offers it.
fn tls(authorities: &CertificateAuthorities) -> Result<ClientConfig, rustls::Error> {
    let mut config = authorities.client_config()?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn no_tls(error: &dyn std::error::Error) -> SettingError {
    SettingError::new(
        format!("TLS cannot be set up: {error}"),
        "a build whose TLS and cryptography fit together",
    )
}

fn client(
    tls: ClientConfig,
    rule: Arc<AddressRule>,
    lookup: Arc<dyn Lookup>,
    proxy: Option<&ForwardProxy>,
) -> Result<Client, reqwest::Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes clients"
    )]
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_LIMIT)
        .pool_max_idle_per_host(1)
        .http1_max_headers(MOST_HEADERS)
        .http2_max_header_list_size(HEADER_BYTES)
        .dns_resolver(Arc::new(JudgingResolver { rule, lookup }));
    match proxy {
        Some(proxy) => builder.proxy(Proxy::all(proxy.url().as_str())?).build(),
        None => builder.build(),
    }
}

#[cfg(test)]
impl HttpFetcher {
    pub(crate) fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tls_tests;

#[cfg(test)]
#[path = "http/redirect_tests.rs"]
mod redirect_tests;

#[cfg(test)]
#[path = "http/proxy_tests.rs"]
mod proxy_tests;

#[cfg(test)]
#[path = "http/resolver_tests.rs"]
mod resolver_tests;
