//! Hosts to which redirects may lead.

use std::fmt;

use oauthgate_core::SettingError;
use url::{Host, Url};

const EXPECTED: &str = "a host name with an optional port, for example keys.example.com";
const HTTPS: u16 = 443;

/// A host to which a redirect may lead from another origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectHost {
    host: Host<String>,
    /// That of https unless it was given.
    port: u16,
}

impl RedirectHost {
    /// `keys.example.com`, or `keys.example.com:8443`. There is no wildcard: a redirect to another
    /// host decides whose keys are taken.
    ///
    /// # Errors
    /// When the text is no host with an optional port.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let url = Url::parse(&format!("https://{text}/"))
            .ok()
            .filter(|_| !text.contains(|c: char| "/\\?#@*%".contains(c) || c.is_whitespace()))
            .ok_or_else(|| SettingError::new("no host name", EXPECTED))?;
        let host = url
            .host()
            .ok_or_else(|| SettingError::new("no host name", EXPECTED))?;
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(HTTPS),
        })
    }

    /// Whether this URL lies on the host.
    pub(crate) fn is_host_of(&self, url: &Url) -> bool {
        url.host().is_some_and(|host| host.to_owned() == self.host)
            && url.port_or_known_default() == Some(self.port)
    }

    /// The host alone, as a resolver is asked for it.
    pub(crate) fn name(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }
}

impl fmt::Display for RedirectHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            HTTPS => write!(f, "{}", self.host),
            port => write!(f, "{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("keys.example.com", "https://keys.example.com/a?b")]
    #[case("KEYS.example.com", "https://keys.example.com:443/")]
    #[case("keys.example.com:8443", "https://keys.example.com:8443/")]
    #[case("keys.example.com:443", "https://keys.example.com/")]
    #[case("127.0.0.1:80", "http://127.0.0.1:80/")]
    #[case("[::1]:9", "http://[::1]:9/")]
    fn names_one_host_and_one_port(#[case] text: &str, #[case] url: &str) {
        let host = RedirectHost::parse(text).unwrap();
        assert!(host.is_host_of(&Url::parse(url).unwrap()), "{text}");
    }

    #[rstest]
    #[case("https://keys.example.com.evil.test/")]
    #[case("https://evil.keys.example.com/")]
    #[case("https://example.com/")]
    #[case("https://keys.example.com:8443/")]
    #[case("https://keys.example.com./")]
    fn d13_names_no_neighbour(#[case] url: &str) {
        let host = RedirectHost::parse("keys.example.com").unwrap();
        assert!(!host.is_host_of(&Url::parse(url).unwrap()));
    }

    #[rstest]
    #[case("")]
    #[case("*")]
    #[case("*.example.com")]
    #[case("https://keys.example.com")]
    #[case("keys.example.com/")]
    #[case("keys.example.com/path")]
    #[case("user@keys.example.com")]
    #[case("keys example.com")]
    #[case("keys.example.com:port")]
    #[case("keys.example.com:99999")]
    fn refuses_what_is_no_host(#[case] text: &str) {
        assert!(RedirectHost::parse(text).is_err(), "{text}");
    }
}
