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

#[cfg(test)]
mod tests {
    use http::header;
    use proptest::prelude::*;

    use super::*;

    /// Pieces that confuse readers of URLs, in any order.
    fn location() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "https:",
            "http:",
            "HTTPS:",
            "//",
            "/",
            "\\",
            "/\\",
            "..",
            "@",
            ":",
            "?",
            "#",
            "%2f",
            "%40",
            "\t",
            " ",
            "auth.example.com",
            "evil.example",
            "listed.example",
            ".",
            "443",
            "8443",
            "80",
            "169.254.169.254",
            "[::1]",
            "keys",
            "user",
            "javascript:",
        ]);
        prop::collection::vec(pieces, 0..7).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn d13_whatever_it_says_a_redirect_leads_home_or_to_a_listed_host(location in location()) {
            let from = Url::parse("https://auth.example.com/a/keys").unwrap();
            let hosts = [RedirectHost::parse("listed.example:8443").unwrap()];
            let rule = AddressRule::new([&from]);
            let mut redirects = Redirects { rule: &rule, hosts: &hosts, followed: 0 };
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, location.parse().unwrap());
            if let Ok(to) = redirects.next(&from, StatusCode::FOUND, &headers) {
                let origin = to.origin().ascii_serialization();
                let homes = ["https://auth.example.com", "https://listed.example:8443"];
                prop_assert!(homes.contains(&origin.as_str()), "{location:?} leads to {to}");
                prop_assert!(to.username().is_empty() && to.password().is_none());
            }
        }
    }
}
