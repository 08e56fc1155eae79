//! The only place that builds an HTTP client, with the limits of rule R12 built in.
//!
//! - https, or http on this machine; no credentials in the URL.
//! - No redirect is followed, not even to the same host: `jwks_uri` is a location, not a hint, and a
//!   redirect is how foreign keys get into a cache. The refusal says where it led.
//! - 2 s to connect, 5 s for everything, 512 KiB of body, counted while it streams in.
//! - Addresses are judged *after* resolution, and the judged ones are the ones connected to.
//! - No proxy: behind one, the addresses could not be judged.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderName, StatusCode, header};
use oauthgate_core::text::Printable;
use reqwest::{
    Certificate, Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use url::Url;

use crate::{
    address::{AddressRule, Refused},
    outbound::Outbound,
};

/// The largest body that is read.
pub(crate) const BODY_LIMIT: usize = 512 * 1024;
/// The time for everything.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(5);
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
const USER_AGENT: &str = concat!("oauthgate/", env!("CARGO_PKG_VERSION"));

/// Fetches documents for one issuer.
#[derive(Debug, Clone)]
pub(crate) struct HttpFetcher {
    client: Client,
    rule: Arc<AddressRule>,
    time_limit: Duration,
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

/// Why a document could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("not fetched: {0}")]
    Refused(#[from] Refused),
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("no complete answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("answered {status} with a redirect to {location}; redirects are not followed")]
    Redirected { status: u16, location: String },
    #[error("answered {status}")]
    Status {
        status: u16,
        retry_after: Option<Duration>,
    },
    #[error("the answer is larger than {BODY_LIMIT} bytes")]
    TooLarge,
}

impl FetchError {
    /// When the server said to come back.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether another path on the same host would meet the same fate.
    pub(crate) fn concerns_the_host(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Refused(_))
    }
}

impl HttpFetcher {
    /// A fetcher under this address rule.
    ///
    /// # Errors
    /// When TLS cannot be set up (no trust store, for example).
    pub(crate) fn new(rule: AddressRule, outbound: &Outbound) -> Result<Self, reqwest::Error> {
        Self::with_time_limit(rule, outbound, TIME_LIMIT)
    }

    pub(crate) fn with_time_limit(
        rule: AddressRule,
        outbound: &Outbound,
        time_limit: Duration,
    ) -> Result<Self, reqwest::Error> {
        let rule = Arc::new(rule);
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that makes clients"
        )]
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(time_limit)
            .pool_max_idle_per_host(1)
            .tls_certs_merge(authorities(outbound)?)
            .dns_resolver(Arc::new(JudgingResolver {
                rule: Arc::clone(&rule),
            }))
            .build()?;
        Ok(Self {
            client,
            rule,
            time_limit,
        })
    }

    /// Fetches a JSON document.
    pub(crate) async fn get(
        &self,
        url: &Url,
        entity_tag: Option<&str>,
    ) -> Result<HttpAnswer, FetchError> {
        self.rule.admits_url(url)?;
        let mut request = self
            .client
            .get(url.clone())
            .header(header::ACCEPT, "application/json");
        if let Some(tag) = entity_tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let response = request.send().await.map_err(|error| self.explain(error))?;
        self.read(response, entity_tag.is_some()).await
    }

    async fn read(&self, response: Response, conditional: bool) -> Result<HttpAnswer, FetchError> {
        let headers = response.headers();
        let max_age = freshness(headers);
        match response.status() {
            StatusCode::OK => Ok(HttpAnswer::Document {
                entity_tag: text(headers, &header::ETAG).map(str::to_owned),
                max_age,
                body: self.body(response).await?,
            }),
            StatusCode::NOT_MODIFIED if conditional => Ok(HttpAnswer::NotModified { max_age }),
            status => Err(refusal(status, headers)),
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
        let error = error.without_url();
        if let Some(refused) = refusal_behind(&error) {
            return FetchError::Refused(refused);
        }
        // A connection that took too long is both.
        if error.is_connect() {
            FetchError::Connect(causes(&error))
        } else if error.is_timeout() {
            FetchError::Timeout(self.time_limit)
        } else {
            FetchError::Broken(causes(&error))
        }
    }
}

/// Resolves names, and hands on only addresses that the rule admits: what is judged is what is
/// connected to, so a name cannot change in between.
#[derive(Debug)]
struct JudgingResolver {
    rule: Arc<AddressRule>,
}

impl Resolve for JudgingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = Arc::clone(&self.rule);
        Box::pin(async move {
            let host = name.as_str();
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            rule.admits(host, addresses.iter().map(SocketAddr::ip).map(unmapped))?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn authorities(outbound: &Outbound) -> Result<Vec<Certificate>, reqwest::Error> {
    let certificates = outbound.certificate_authorities.certificates();
    certificates
        .iter()
        .map(|certificate| Certificate::from_der(certificate))
        .collect()
}

fn unmapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn refusal(status: StatusCode, headers: &HeaderMap) -> FetchError {
    if status.is_redirection() && headers.contains_key(header::LOCATION) {
        let location = text(headers, &header::LOCATION).unwrap_or_default();
        return FetchError::Redirected {
            status: status.as_u16(),
            location: Printable(location).to_string(),
        };
    }
    FetchError::Status {
        status: status.as_u16(),
        retry_after: seconds(headers, &header::RETRY_AFTER),
    }
}

/// The `max-age` of all `Cache-Control` lines together (the smallest wins), less the `Age` that the
/// document has already spent in caches. `no-store` and `no-cache` count as zero.
fn freshness(headers: &HeaderMap) -> Option<Duration> {
    let age = seconds(headers, &header::AGE).unwrap_or_default();
    headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(directive_life)
        .min()
        .map(|life| life.saturating_sub(age))
}

fn directive_life(directive: &str) -> Option<Duration> {
    let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
    match name.trim().to_ascii_lowercase().as_str() {
        "no-store" | "no-cache" => Some(Duration::ZERO),
        "max-age" => value
            .trim()
            .trim_matches('"')
            .parse()
            .ok()
            .map(Duration::from_secs),
        _ => None,
    }
}

/// A header of whole seconds; dates are not read, the schedule's own pauses apply instead.
fn seconds(headers: &HeaderMap, name: &HeaderName) -> Option<Duration> {
    text(headers, name)?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

fn text<'headers>(headers: &'headers HeaderMap, name: &HeaderName) -> Option<&'headers str> {
    headers.get(name)?.to_str().ok()
}

fn refusal_behind(error: &reqwest::Error) -> Option<Refused> {
    chain(error).find_map(|cause| cause.downcast_ref::<Refused>().cloned())
}

fn causes(error: &reqwest::Error) -> String {
    let causes: Vec<String> = chain(error).map(ToString::to_string).collect();
    Printable(&causes.join(": ")).to_string()
}

fn chain<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tls_tests;
