//! The proxy that connects for us, and the hosts that are reached without it.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use oauthgate_core::SettingError;
use url::{Host, Url};

use crate::address::Reach;

const EXPECTED: &str =
    "an http or https URL of a proxy, for example http://proxy.corp.example:3128";

/// A proxy that is asked to `CONNECT` to authorization servers. This machine's own addresses and
/// `localhost` are always reached without it.
#[derive(Clone, PartialEq, Eq)]
pub struct ForwardProxy {
    /// With credentials, if there are any: only the proxy gets to see them.
    url: Url,
    exceptions: Vec<Exception>,
}

impl ForwardProxy {
    /// The proxy at this URL; without a scheme it is http. User name and password in it go to the
    /// proxy alone, and are never shown.
    ///
    /// # Errors
    /// When this is no http or https URL of a host: SOCKS proxies are not spoken to.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let absolute = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&absolute)
            .map_err(|error| SettingError::new(format!("no URL: {error}"), EXPECTED))?;
        let problem = match url.scheme() {
            scheme if scheme.starts_with("socks") => "SOCKS proxies are not supported",
            "http" | "https" if url.path() != "/" || url.query().is_some() => {
                "a proxy has no path and no query"
            }
            "http" | "https" if url.fragment().is_some() => "the URL has a fragment",
            "http" | "https" if is_nowhere(&url) => {
                "link-local and reserved addresses are never asked"
            }
            // The client reads it as this type, and goes without a proxy where it cannot.
            "http" | "https" if url.as_str().parse::<http::Uri>().is_err() => {
                "it holds letters that must be percent-encoded"
            }
            "http" | "https" => {
                return Ok(Self {
                    url,
                    exceptions: Vec::new(),
                });
            }
            _ => "not the URL of an http or https proxy",
        };
        Err(SettingError::new(problem, EXPECTED))
    }

    /// The hosts that are reached without the proxy, as `NO_PROXY` lists them: `*` for all,
    /// `example.com` for the name and everything below it, `.example.com` for everything below it,
    /// addresses and networks; each name or address with an optional port. Whatever else is in the
    /// list matches nothing: other programs read it as well.
    #[must_use]
    pub fn with_exceptions(mut self, no_proxy: &str) -> Self {
        self.exceptions = no_proxy
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|item| !item.is_empty())
            .map(Exception::parse)
            .collect();
        self
    }

    /// Whether this URL is asked through the proxy.
    pub(crate) fn serves(&self, url: &Url) -> bool {
        let Some(host) = url.host() else {
            return false;
        };
        let port = url.port_or_known_default();
        !is_this_machine(&host)
            && !self
                .exceptions
                .iter()
                .any(|exception| exception.covers(&host, port))
    }

    /// The URL with its credentials.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Display for ForwardProxy {
    /// The URL without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.scheme())?;
        f.write_str("://")?;
        f.write_str(self.url.host_str().unwrap_or_default())?;
        match self.url.port_or_known_default() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ForwardProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardProxy")
            .field("url", &format_args!("{self}"))
            .field("exceptions", &self.exceptions)
            .finish_non_exhaustive()
    }
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match address_of(host) {
        Some(address) => Reach::of(address) == Reach::Loopback,
        None => matches!(host, Host::Domain(name) if is_below("localhost", name, true)),
    }
}

fn is_nowhere(url: &Url) -> bool {
    let address = url.host().as_ref().and_then(address_of);
    address.is_some_and(|address| Reach::of(address) == Reach::Forbidden)
}

fn address_of(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
        Host::Domain(_) => None,
    }
}

/// One item of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    Everything,
    Network {
        network: IpNet,
        port: Option<u16>,
    },
    Domain {
        name: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Exception {
    fn parse(item: &str) -> Self {
        if item == "*" {
            return Self::Everything;
        }
        if let Some(network) = network(item) {
            return Self::Network {
                network,
                port: None,
            };
        }
        let (host, port) = match item.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
            _ => (item, None),
        };
        match network(host) {
            Some(network) => Self::Network { network, port },
            None => {
                let below = host.strip_prefix("*.").or_else(|| host.strip_prefix('.'));
                Self::Domain {
                    name: below
                        .unwrap_or(host)
                        .trim_end_matches('.')
                        .to_ascii_lowercase(),
                    itself: below.is_none(),
                    port,
                }
            }
        }
    }

    fn covers(&self, host: &Host<&str>, port: Option<u16>) -> bool {
        let fits = |wanted: &Option<u16>| wanted.is_none() || *wanted == port;
        match (self, host) {
            (Self::Everything, _) => true,
            (
                Self::Domain {
                    name,
                    itself,
                    port: wanted,
                },
                Host::Domain(host),
            ) => fits(wanted) && is_below(name, host, *itself),
            (
                Self::Network {
                    network,
                    port: wanted,
                },
                _,
            ) => {
                fits(wanted)
                    && address_of(host)
                        .is_some_and(|address| network.contains(&address.to_canonical()))
            }
            (Self::Domain { .. }, _) => false,
        }
    }
}

/// An address, with or without brackets, or a network.
fn network(text: &str) -> Option<IpNet> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok().map(IpNet::from);
    address.or_else(|| text.parse().ok())
}

fn is_below(name: &str, host: &str, itself: bool) -> bool {
    let host = host.trim_end_matches('.');
    let rest = host.strip_suffix(name);
    match rest {
        _ if name.is_empty() => false,
        Some("") => itself,
        Some(rest) => rest.ends_with('.'),
        None => false,
    }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
