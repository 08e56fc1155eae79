//! Why a document could not be fetched, in words that an operator can act on.

use std::{error::Error, io, time::Duration};

use http::StatusCode;
use oauthgate_core::{UnixTime, text::Printable};
use rustls::CertificateError;

use super::{BODY_LIMIT, headers::RetryAfter, redirect::Stray, resolver::NoAddress};
use crate::address::Refused;

/// Why a document could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("not fetched: {0}")]
    Refused(#[from] Refused),
    #[error(transparent)]
    NoAddress(NoAddress),
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("no secure connection: {0}")]
    Tls(String),
    #[error("through the proxy {proxy}: {error}")]
    Proxy { proxy: String, error: Box<Self> },
    #[error("no complete answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("answered {status} with a redirect to {location}: {why}")]
    Redirected {
        status: u16,
        location: String,
        why: Stray,
    },
    #[error("redirected to {to}: {error}")]
    Behind { to: String, error: Box<Self> },
    #[error("answered {status}{}", meaning(*.status))]
    Status {
        status: u16,
        retry_after: Option<RetryAfter>,
    },
    #[error("the answer is compressed ({0}), which was not asked for")]
    Compressed(String),
    #[error("the answer is larger than {BODY_LIMIT} bytes")]
    TooLarge,
}

impl FetchError {
    /// How long the server said to wait, as seen from this time.
    pub(crate) fn retry_after(&self, now: UnixTime) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => retry_after.map(|after| after.seen_from(now)),
            Self::Behind { error, .. } => error.retry_after(now),
            _ => None,
        }
    }

    /// Whether there is a server, and nothing at this place of it.
    pub(crate) fn found_nothing(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 404 | 410),
            Self::Behind { error, .. } => error.found_nothing(),
            _ => false,
        }
    }

    /// Whether another path on the same host would meet the same fate.
    pub(crate) fn concerns_the_host(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Tls(_) | Self::NoAddress(_) | Self::Refused(_) => true,
            Self::Proxy { error, .. } => error.concerns_the_host(),
            _ => false,
        }
    }
}

/// What a status says to whoever configured the URL.
fn meaning(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            " (it wants a credential, or another one: OAUTHGATE_FETCH_HEADERS sends one along; OAUTHGATE_JWKS_FILE does without)"
        }
        404 | 410 => " (nothing is there)",
        429 => " (it is asked too often)",
        500..=599 => " (the server is in trouble)",
        _ => "",
    }
}

/// What became of a request that got no answer.
pub(super) fn of_request(error: &reqwest::Error, time_limit: Duration) -> FetchError {
    if let Some(refused) = find::<Refused>(error) {
        FetchError::Refused(refused.clone())
    } else if let Some(no_address) = find::<NoAddress>(error) {
        FetchError::NoAddress(no_address.clone())
    } else if let Some(tls) = tls_behind(error) {
        FetchError::Tls(tls_trouble(tls))
    } else if error.is_connect() {
        // A connection that took too long is also a timeout.
        FetchError::Connect(connection_trouble(error))
    } else if error.is_timeout() {
        FetchError::Timeout(time_limit)
    } else {
        FetchError::Broken(causes(error))
    }
}

fn connection_trouble(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "nobody answers there".to_owned();
    }
    let kind = chain(error).find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => "nobody listens there".to_owned(),
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
            "there is no way to it from this machine".to_owned()
        }
        _ => causes(error),
    }
}

/// rustls' errors travel inside of `io::Error`s, which hide what they hold from `source`.
fn tls_behind<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error rustls::Error> {
    chain(error).find_map(|cause| {
        let hidden = |cause: &&'error (dyn Error + 'static)| {
            let inner = cause.downcast_ref::<io::Error>()?.get_ref()?;
            Some(inner as &(dyn Error + 'static))
        };
        std::iter::successors(Some(cause), hidden).find_map(|cause| cause.downcast_ref())
    })
}

fn tls_trouble(error: &rustls::Error) -> String {
    use CertificateError as Certificate;
    match error {
        // The last two: an authority has the name that the certificate's issuer has, and did not sign it.
        rustls::Error::InvalidCertificate(
            Certificate::UnknownIssuer
            | Certificate::BadSignature
            | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => "nobody who is trusted signed the certificate; if its authority is your own, name that with OAUTHGATE_CA_FILE".to_owned(),
        rustls::Error::InvalidMessage(_) => {
            "that was no TLS; does the server speak it on this port?".to_owned()
        }
        _ => Printable(&error.to_string()).to_string(),
    }
}

fn find<'error, T: Error + 'static>(error: &'error (dyn Error + 'static)) -> Option<&'error T> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

fn causes(error: &reqwest::Error) -> String {
    // The first cause says only that there was a request.
    let causes = chain(error).filter(|cause| !cause.is::<reqwest::Error>());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    Printable(&causes.join(": ")).to_string()
}

fn chain<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The refusal of an answer that is neither a document nor the way to one.
pub(super) fn of_status(status: StatusCode, retry_after: Option<RetryAfter>) -> FetchError {
    FetchError::Status {
        status: status.as_u16(),
        retry_after,
    }
}
