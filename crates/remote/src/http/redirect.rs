//! Where a redirect may lead. Within its origin a document may move about; to another one it may go
//! only where the operator said so, because whoever answers there decides whose keys are taken.

use http::{HeaderMap, StatusCode};
use oauthgate_core::text::Printable;
use url::Url;

use super::{FetchError, headers};
use crate::{
    address::{AddressRule, Refused},
    outbound::RedirectHost,
};

/// How many redirects of one fetch are followed.
pub(super) const MOST: usize = 3;

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stray {
    #[error("this is no place to go to")]
    Nowhere,
    #[error("not followed to another host; if that is right, add {0} to OAUTHGATE_REDIRECT_HOSTS")]
    OtherHost(String),
    #[error("not followed from https to http")]
    Downgrade,
    #[error("not followed any further than {MOST} times")]
    TooMany,
    #[error("not followed: {0}")]
    Refused(#[from] Refused),
}

/// Whether this status redirects, and so says nothing itself.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// Where a fetch goes on after a redirect.
#[derive(Debug)]
pub(super) struct Redirects<'fetcher> {
    pub(super) rule: &'fetcher AddressRule,
    pub(super) hosts: &'fetcher [RedirectHost],
    pub(super) followed: usize,
}

impl Redirects<'_> {
    /// The next place, judged as if it had been configured.
    pub(super) fn next(
        &mut self,
        from: &Url,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Url, FetchError> {
        let location = headers::location(headers);
        self.judged(from, location)
            .map_err(|why| FetchError::Redirected {
                status: status.as_u16(),
                location: Printable(location.unwrap_or("several places, or none")).to_string(),
                why,
            })
    }

    fn judged(&mut self, from: &Url, location: Option<&str>) -> Result<Url, Stray> {
        let to = location.and_then(|location| from.join(location).ok());
        let to = to.ok_or(Stray::Nowhere)?;
        if from.scheme() == "https" && to.scheme() == "http" {
            return Err(Stray::Downgrade);
        }
        self.rule.admits_url(&to)?;
        if from.origin() != to.origin() && !self.hosts.iter().any(|host| host.is_host_of(&to)) {
            return Err(Stray::OtherHost(authority(&to)));
        }
        self.followed += 1;
        if self.followed > MOST {
            return Err(Stray::TooMany);
        }
        Ok(to)
    }
}

/// The host as it is written into the setting.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        None | Some(443) => host.to_owned(),
        Some(port) => format!("{host}:{port}"),
    }
}
