//! The host a request is for.

use std::{fmt, net::Ipv6Addr, num::NonZeroU16, sync::Arc};

use oauthgate_core::{Denial, Reason, SettingError};

/// A host and perhaps a port, as in `Host`, `:authority` and an origin; lower-case. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    host: Arc<str>,
    port: Option<NonZeroU16>,
}

impl Authority {
    /// Reads `host`, `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port` (RFC 9110 §7.2). User
    /// information, blanks, paths, empty ports and port 0 are no part of it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let end = match text.strip_prefix('[') {
            Some(address) => address.find(']')? + "[]".len(),
            None => text
                .bytes()
                .position(|byte| !is_letter(byte))
                .unwrap_or(text.len()),
        };
        let (host, port) = text.split_at_checked(end)?;
        let port = match port.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if port.is_empty() => None,
            None => return None,
        };
        is_host(host).then(|| Self {
            host: match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
                true => host.to_ascii_lowercase().into(),
                false => host.into(),
            },
            port,
        })
    }

    /// The host, lower-case, an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if one is written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port.map(NonZeroU16::get)
    }

    /// Whether the host can only be this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        &*self.host == "localhost"
            || &*self.host == "[::1]"
            || self
                .host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// Whether both name the same host, a default port written or not.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.host == other.host && self.port_if_unusual() == other.port_if_unusual()
    }

    /// The port, unless its scheme implies it. `Host` does not tell the scheme, so both default ports
    /// count: behind a TLS terminator either may be written.
    fn port_if_unusual(&self) -> Option<u16> {
        self.port().filter(|port| ![80, 443].contains(port))
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// How many hosts it is quicker to compare with than to read one.
const FEW: usize = 8;

/// The hosts that most requests are for, so that they need not be read each time.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts(Vec<(String, Authority)>);

impl KnownHosts {
    /// Those that resources are served under.
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a HostRules>) -> Self {
        let mut known = Self::default();
        for host in rules.into_iter().flat_map(|rules| &rules.allowed) {
            if known.0.len() < FEW && known.find(&host.to_string()).is_none() {
                known.0.push((host.to_string(), host.clone()));
            }
        }
        known
    }

    /// As [`Authority::parse`].
    #[must_use]
    pub fn read(&self, text: &str) -> Option<Authority> {
        self.find(text).cloned().or_else(|| Authority::parse(text))
    }

    fn find(&self, text: &str) -> Option<&Authority> {
        let mut hosts = self.0.iter();
        hosts.find(|(known, _)| known == text).map(|(_, host)| host)
    }
}

/// The hosts a resource is served under (protection against DNS rebinding).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRules {
    allowed: Vec<Authority>,
    allows_loopback: bool,
}

impl HostRules {
    /// Serves these hosts; on a loopback listener also every name of this machine, with any port.
    ///
    /// # Errors
    /// The first entry that is no host.
    pub fn new<'a>(
        hosts: impl IntoIterator<Item = &'a str>,
        listens_on_loopback: bool,
    ) -> Result<Self, SettingError> {
        let allowed = hosts.into_iter().map(setting).collect::<Result<_, _>>()?;
        Ok(Self {
            allowed,
            allows_loopback: listens_on_loopback,
        })
    }

    /// Refuses a foreign host.
    ///
    /// # Errors
    /// [`Reason::HostRefused`].
    pub fn admit(&self, host: &Authority) -> Result<(), Denial> {
        if self.allows(host) {
            return Ok(());
        }
        Err(Denial::new(Reason::HostRefused).with_detail(format!("the host is `{host}`")))
    }

    fn allows(&self, host: &Authority) -> bool {
        (self.allows_loopback && host.is_loopback())
            || self.allowed.iter().any(|allowed| allowed.is_same(host))
    }
}

fn setting(text: &str) -> Result<Authority, SettingError> {
    Authority::parse(text).ok_or_else(|| {
        SettingError::new(
            "this is no host",
            "a host and perhaps a port, for example mcp.example.com or localhost:8080",
        )
    })
}

fn parse_port(text: &str) -> Option<NonZeroU16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// A name of legal letters, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => (1..=255).contains(&host.len()),
    }
}

/// Of a DNS name or an IPv4 address. Underscores occur in container networks.
fn is_letter(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("mcp.example.com", "mcp.example.com")]
    #[case("MCP.Example.com:8443", "mcp.example.com:8443")]
    #[case("192.0.2.1:80", "192.0.2.1:80")]
    #[case("[2001:DB8::1]:8080", "[2001:db8::1]:8080")]
    #[case("[::1]", "[::1]")]
    #[case("my_service:3000", "my_service:3000")]
    fn reads_hosts(#[case] text: &str, #[case] host: &str) {
        assert_eq!(Authority::parse(text).unwrap().to_string(), host);
    }

    #[rstest]
    #[case("")]
    #[case(":80")]
    #[case("mcp.example.com:")]
    #[case("mcp.example.com:0")]
    #[case("mcp.example.com:65536")]
    #[case("mcp.example.com:+80")]
    #[case("mcp.example.com:80:80")]
    #[case("user@mcp.example.com")]
    #[case("mcp.example.com/path")]
    #[case("mcp.example.com?x")]
    #[case("mcp.example.com#x")]
    #[case("mcp.example.com\\x")]
    #[case(" mcp.example.com")]
    #[case("mcp.example.com ")]
    #[case("mcp.example.com, evil.example.com")]
    #[case("mcp%2eexample.com")]
    #[case("[::1")]
    #[case("::1")]
    #[case("[::1]x")]
    #[case("[::1]x:80")]
    #[case("[::1]]:80")]
    #[case("x[::1]:80")]
    #[case("a]:80")]
    #[case("[evil]")]
    #[case("[::1%25eth0]")]
    #[case("münchen.example")]
    fn f17_refuses_what_is_no_host(#[case] text: &str) {
        assert_eq!(Authority::parse(text), None);
    }

    fn refusal(rules: &HostRules, host: &str) -> Option<Reason> {
        rules
            .admit(&Authority::parse(host).unwrap())
            .err()
            .map(|denial| denial.reason())
    }

    #[rstest]
    #[case("mcp.example.com", None)]
    #[case("MCP.EXAMPLE.COM", None)]
    #[case("mcp.example.com:443", None)]
    #[case("mcp.example.com:80", None)]
    #[case("internal:3000", None)]
    #[case("mcp.example.com:8443", Some(Reason::HostRefused))]
    #[case("internal", Some(Reason::HostRefused))]
    #[case("evil.example.com", Some(Reason::HostRefused))]
    #[case("mcp.example.com.evil.test", Some(Reason::HostRefused))]
    #[case("xmcp.example.com", Some(Reason::HostRefused))]
    #[case("mcp.example.com.", Some(Reason::HostRefused))]
    #[case("localhost", Some(Reason::HostRefused))]
    #[case("127.0.0.1:8080", Some(Reason::HostRefused))]
    fn g10_refuses_foreign_hosts(#[case] host: &str, #[case] expected: Option<Reason>) {
        let rules = HostRules::new(["mcp.example.com:443", "internal:3000"], false).unwrap();
        assert_eq!(refusal(&rules, host), expected);
    }

    #[test]
    fn a_known_host_is_read_as_any_other_and_only_few_are_known() {
        let hosts = (0..100).map(|number| format!("host-{number}.example.com:8443"));
        let hosts: Vec<_> = hosts.collect();
        let rules = HostRules::new(hosts.iter().map(String::as_str), false).unwrap();
        let known = KnownHosts::of([&rules, &rules]);
        assert_eq!(known.0.len(), FEW);
        for host in hosts
            .iter()
            .map(String::as_str)
            .chain(["HOST-1.example.com", "a b", ""])
        {
            assert_eq!(known.read(host), Authority::parse(host), "{host}");
        }
    }

    #[rstest]
    #[case("localhost:8080", None)]
    #[case("127.0.0.1:9", None)]
    #[case("127.9.9.9", None)]
    #[case("[::1]:8080", None)]
    #[case("localhost.evil.test", Some(Reason::HostRefused))]
    #[case("127.0.0.1.nip.io", Some(Reason::HostRefused))]
    #[case("0.0.0.0:8080", Some(Reason::HostRefused))]
    #[case("evil.example.com", Some(Reason::HostRefused))]
    fn g10_a_loopback_listener_knows_the_names_of_this_machine(
        #[case] host: &str,
        #[case] expected: Option<Reason>,
    ) {
        let rules = HostRules::new([], true).unwrap();
        assert_eq!(refusal(&rules, host), expected);
    }

    #[test]
    fn a_setting_that_is_no_host_is_named() {
        assert!(HostRules::new(["https://mcp.example.com"], false).is_err());
    }
}
