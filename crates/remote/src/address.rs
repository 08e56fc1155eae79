//! Which addresses a fetch may reach.
//!
//! A metadata document can name any `jwks_uri`; without a rule it could make us call the cloud's
//! metadata service or a neighbour's admin port. Hosts that the *operator* named may be private.
//! Hosts that a *document* named may be so only if the operator's own are, or if they lie in a network
//! that the operator opened. Addresses that no authorization server has (link-local, unspecified,
//! multicast, tunnels) are refused to all, and no setting opens them.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicU8, Ordering},
};

use ipnet::IpNet;
use url::{Host, Url};

use crate::outbound::{Outbound, RedirectHost};

/// How far an address reaches, from everywhere to nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Reach {
    /// On the internet.
    Public = 0,
    /// In a private network.
    Private = 1,
    /// On this machine.
    Loopback = 2,
    /// Nowhere we have business.
    Forbidden = 3,
}

impl Reach {
    /// How far this address reaches.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [127, ..] => Self::Loopback,
            [10, ..] | [192, 168, ..] => Self::Private,
            [172, second, ..] if second & 0xf0 == 16 => Self::Private,
            [100, second, ..] if second & 0xc0 == 64 => Self::Private,
            // "This network", link-local (cloud metadata), protocol assignments, documentation,
            // 6to4 relays, benchmarks, multicast, reserved and broadcast.
            [0 | 224..=255, ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _] => Self::Forbidden,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if let Some(mapped) = address.to_ipv4_mapped() {
            return Self::of_v4(mapped);
        }
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            // NAT64: real networks reach the public IPv4 internet through it, so look inside.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Self::of_embedded(high, low),
            [first, ..] if first & 0xfe00 == 0xfc00 => Self::Private,
            // Unspecified and IPv4-compatible, local NAT64, Teredo, documentation, 6to4, discard,
            // and everything outside global unicast (link-local, site-local, multicast).
            [0x2001, 0 | 0xdb8, ..] | [0x2002, ..] => Self::Forbidden,
            [first, ..] if first & 0xe000 == 0x2000 => Self::Public,
            _ => Self::Forbidden,
        }
    }

    fn of_embedded(high: u16, low: u16) -> Self {
        match Self::of_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))) {
            Self::Public => Self::Public,
            _ => Self::Forbidden,
        }
    }

    fn from_rank(rank: u8) -> Self {
        match rank {
            0 => Self::Public,
            1 => Self::Private,
            _ => Self::Loopback,
        }
    }
}

/// Why an address or a URL is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("only https is fetched (http on loopback only)")]
    Scheme,
    #[error("the URL has no host")]
    NoHost,
    #[error("the URL carries credentials or a fragment")]
    Decorated,
    #[error(
        "{host} is at {address}, which is not a public address; if documents may lead there, add it to OAUTHGATE_PRIVATE_NETWORKS"
    )]
    Private { host: String, address: IpAddr },
    #[error(
        "{host} is at {address}, where no authorization server can be (link-local, multicast, tunnelled or reserved)"
    )]
    Forbidden { host: String, address: IpAddr },
    #[error("localhost is at {0}, which is not this machine")]
    NotThisMachine(IpAddr),
}

/// The rule for one issuer's fetches.
#[derive(Debug)]
pub(crate) struct AddressRule {
    named_hosts: Vec<String>,
    /// Named by the operator too, but for all issuers: they say nothing about the reach of this one's.
    redirect_hosts: Vec<String>,
    private_networks: Vec<IpNet>,
    /// The farthest-in reach of a host that the operator named, as far as it is known.
    operators_reach: AtomicU8,
}

impl AddressRule {
    /// A rule where the hosts of these URLs were named by the operator.
    pub(crate) fn new<'url>(named: impl IntoIterator<Item = &'url Url>) -> Self {
        let rule = Self {
            named_hosts: Vec::new(),
            redirect_hosts: Vec::new(),
            private_networks: Vec::new(),
            operators_reach: AtomicU8::new(0),
        };
        named.into_iter().fold(rule, Self::naming)
    }

    fn naming(mut self, url: &Url) -> Self {
        if let Some(host) = url.host_str() {
            self.named_hosts.push(bare(host).to_owned());
        }
        if let Some(address) = literal(url) {
            self.remember(Reach::of(address));
        }
        self
    }

    /// The same rule with what the operator opened for all issuers.
    pub(crate) fn opened_by(mut self, outbound: &Outbound) -> Self {
        self.private_networks.clone_from(&outbound.private_networks);
        let hosts = outbound.redirect_hosts.iter();
        self.redirect_hosts = hosts.map(RedirectHost::name).collect();
        self
    }

    /// Whether this URL may be called at all; a name in it is judged after its resolution.
    pub(crate) fn admits_url(&self, url: &Url) -> Result<(), Refused> {
        let host = url.host_str().ok_or(Refused::NoHost)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(Refused::Decorated);
        }
        if !is_fetchable_scheme(url) {
            return Err(Refused::Scheme);
        }
        match literal(url) {
            Some(address) => self.admits(bare(host), [address]),
            None => Ok(()),
        }
    }

    /// Whether all addresses of a host may be called: one bad one among them refuses all.
    pub(crate) fn admits(
        &self,
        host: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<(), Refused> {
        addresses
            .into_iter()
            .try_for_each(|address| self.admits_address(host, address))
    }

    fn admits_address(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let reach = Reach::of(address);
        let named = is_among(&self.named_hosts, host);
        let owned = || host.to_owned();
        if reach == Reach::Forbidden {
            let host = owned();
            return Err(Refused::Forbidden { host, address });
        }
        if reach != Reach::Loopback && host.eq_ignore_ascii_case("localhost") {
            return Err(Refused::NotThisMachine(address));
        }
        if !(named || reach <= self.operators_reach() || self.is_open(host, address)) {
            let host = owned();
            return Err(Refused::Private { host, address });
        }
        Ok(())
    }

    /// A host has answered from this address, over https with the certificate of its name. Only then does
    /// an operator's host say how far its documents may lead: a name can be pointed anywhere.
    pub(crate) fn note_answer(&self, url: &Url, address: IpAddr) {
        let host = url.host_str().map(bare);
        if host.is_some_and(|host| is_among(&self.named_hosts, host)) {
            self.remember(Reach::of(address));
        }
    }

    /// Whether the operator opened this host or its network to the documents of all issuers.
    fn is_open(&self, host: &str, address: IpAddr) -> bool {
        let within = |network: &IpNet| network.contains(&address.to_canonical());
        is_among(&self.redirect_hosts, host) || self.private_networks.iter().any(within)
    }

    fn operators_reach(&self) -> Reach {
        Reach::from_rank(self.operators_reach.load(Ordering::Relaxed))
    }

    fn remember(&self, reach: Reach) {
        if reach != Reach::Forbidden {
            self.operators_reach
                .fetch_max(reach as u8, Ordering::Relaxed);
        }
    }
}

/// https, or http on this machine.
pub(crate) fn is_fetchable_scheme(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => is_loopback(url),
        _ => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match literal(url) {
        Some(address) => Reach::of(address) == Reach::Loopback,
        None => url.host_str() == Some("localhost"),
    }
}

/// The address a URL names directly. The `url` crate has already turned `127.1`, `0x7f.1`,
/// `017700000001` and `2130706433` into dotted form.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
        Host::Domain(_) => None,
    }
}

fn is_among(hosts: &[String], host: &str) -> bool {
    hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::outbound::private_network;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn rule(named: &str) -> AddressRule {
        AddressRule::new([&url(named)])
    }

    #[rstest]
    #[case("https://169.254.169.254/latest/meta-data")]
    #[case("https://[::ffff:169.254.169.254]/")]
    #[case("https://[::ffff:10.0.0.1]/")]
    #[case("https://[64:ff9b::a9fe:a9fe]/")]
    #[case("https://[64:ff9b::7f00:1]/")]
    #[case("https://[64:ff9b:1::1]/")]
    #[case("https://[2002:7f00:1::]/")]
    #[case("https://[2001::1]/")]
    #[case("https://[fd00::1]/")]
    #[case("https://[fe80::1]/")]
    #[case("https://[fec0::1]/")]
    #[case("https://[ff02::1]/")]
    #[case("https://[::1]/")]
    #[case("https://[::]/")]
    #[case("https://[::7f00:1]/")]
    #[case("https://0.0.0.0/")]
    #[case("https://127.1/")]
    #[case("https://2130706433/")]
    #[case("https://0x7f000001/")]
    #[case("https://017700000001/")]
    #[case("https://0300.0250.1.1/")]
    #[case("https://10.0.0.1/")]
    #[case("https://100.64.0.1/")]
    #[case("https://172.31.255.255/")]
    #[case("https://192.168.1.1/")]
    #[case("https://192.0.0.192/")]
    #[case("https://198.18.0.1/")]
    #[case("https://224.0.0.1/")]
    #[case("https://255.255.255.255/")]
    fn d12_refuses_addresses_that_are_not_public_to_a_public_issuer(#[case] target: &str) {
        let refused = rule("https://auth.example.com").admits_url(&url(target));
        assert!(
            matches!(
                refused,
                Err(Refused::Private { .. } | Refused::Forbidden { .. })
            ),
            "{refused:?}"
        );
    }

    #[rstest]
    #[case("https://8.8.8.8/")]
    #[case("https://172.32.0.1/")]
    #[case("https://100.128.0.1/")]
    #[case("https://[2606:4700::1]/")]
    #[case("https://[64:ff9b::808:808]/")]
    fn admits_public_addresses(#[case] target: &str) {
        assert_eq!(
            rule("https://auth.example.com").admits_url(&url(target)),
            Ok(())
        );
    }

    #[test]
    fn a_private_issuer_may_name_private_hosts_but_not_this_machine() {
        let rule = rule("https://10.1.1.1");
        assert_eq!(rule.admits_url(&url("https://10.1.1.2/keys")), Ok(()));
        assert!(rule.admits_url(&url("http://127.0.0.1/keys")).is_err());
        assert!(rule.admits_url(&url("https://169.254.169.254/")).is_err());
    }

    #[test]
    fn the_operators_own_host_may_resolve_to_a_private_address() {
        let rule = rule("https://auth.corp.example");
        let private: IpAddr = "10.0.0.5".parse().unwrap();
        assert!(rule.admits("keys.corp.example", [private]).is_err());
        assert_eq!(rule.admits("AUTH.corp.example", [private]), Ok(()));
        assert!(
            rule.admits("keys.corp.example", [private]).is_err(),
            "d12: a name that merely resolves to a private address opens nothing"
        );
        rule.note_answer(&url("https://other.corp.example/"), private);
        assert!(rule.admits("keys.corp.example", [private]).is_err());
        rule.note_answer(&url("https://auth.corp.example/meta"), private);
        assert_eq!(rule.admits("keys.corp.example", [private]), Ok(()));
        let this_machine: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(rule.admits("keys.corp.example", [this_machine]).is_err());
    }

    #[test]
    fn d12_one_private_address_among_public_ones_refuses_the_name() {
        let addresses: [IpAddr; 2] = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        assert!(
            rule("https://auth.example.com")
                .admits("keys.example.com", addresses)
                .is_err()
        );
    }

    #[test]
    fn d12_link_local_is_refused_even_to_the_operators_own_host() {
        let rule = rule("https://auth.example.com");
        assert!(
            rule.admits("auth.example.com", ["169.254.169.254".parse().unwrap()])
                .is_err()
        );
    }

    fn opened(named: &str, networks: &[&str], hosts: &[&str]) -> AddressRule {
        let mut outbound = Outbound::default();
        let networks = networks.iter().map(|text| private_network(text).unwrap());
        outbound.private_networks = networks.collect();
        let hosts = hosts.iter().map(|text| RedirectHost::parse(text).unwrap());
        outbound.redirect_hosts = hosts.collect();
        rule(named).opened_by(&outbound)
    }

    #[rstest]
    #[case("https://10.20.1.1/", true)]
    #[case("https://[::ffff:10.20.1.1]/", true)]
    #[case("https://0x0a140101/", true)]
    #[case("https://10.21.1.1/", false)]
    #[case("https://192.168.1.1/", false)]
    #[case("https://127.0.0.1/", false)]
    #[case("https://[fd00:1::1]/", true)]
    #[case("https://[fd00:2::1]/", false)]
    #[case("https://[64:ff9b::a14:101]/", false)]
    #[case("https://[2002:a14:101::]/", false)]
    #[case("https://169.254.169.254/", false)]
    fn d12_an_open_network_admits_its_own_addresses_only(
        #[case] target: &str,
        #[case] admitted: bool,
    ) {
        let rule = opened(
            "https://auth.example.com",
            &["10.20.0.0/16", "fd00:1::/48"],
            &[],
        );
        assert_eq!(rule.admits_url(&url(target)).is_ok(), admitted);
        let again = rule.admits_url(&url("https://10.99.0.1/"));
        assert!(again.is_err(), "an open network is no wider reach");
    }

    #[test]
    fn d12_a_host_for_redirects_may_be_private_and_widens_nothing() {
        let rule = opened("https://auth.example.com", &[], &["keys.corp.example:8443"]);
        let private: IpAddr = "10.0.0.5".parse().unwrap();
        assert_eq!(rule.admits("keys.corp.example", [private]), Ok(()));
        assert!(rule.admits("other.corp.example", [private]).is_err());
        let cloud: IpAddr = "169.254.169.254".parse().unwrap();
        assert!(rule.admits("keys.corp.example", [cloud]).is_err());
    }

    #[test]
    fn a_refusal_names_the_setting_that_would_help() {
        let rule = rule("https://auth.example.com");
        let private = rule.admits_url(&url("https://10.0.0.1/")).unwrap_err();
        assert!(private.to_string().contains("OAUTHGATE_PRIVATE_NETWORKS"));
        let cloud = rule.admits_url(&url("https://169.254.169.254/"));
        let cloud = cloud.unwrap_err().to_string();
        assert!(!cloud.contains("OAUTHGATE_"), "{cloud}");
    }

    #[test]
    fn localhost_must_be_this_machine() {
        let rule = rule("http://localhost:8080");
        assert!(
            rule.admits("localhost", ["8.8.8.8".parse().unwrap()])
                .is_err()
        );
        assert_eq!(rule.admits("localhost", ["::1".parse().unwrap()]), Ok(()));
    }

    #[rstest]
    #[case("http://auth.example.com/")]
    #[case("http://10.0.0.1/")]
    #[case("http://localhost.example.com/")]
    #[case("ftp://auth.example.com/")]
    #[case("file:///etc/passwd")]
    #[case("data:application/json,{}")]
    #[case("https://user@auth.example.com/")]
    #[case("https://user:secret@auth.example.com/")]
    #[case("https://auth.example.com/#fragment")]
    fn d11_refuses_other_schemes_and_decorated_urls(#[case] target: &str) {
        assert!(
            rule("https://auth.example.com")
                .admits_url(&url(target))
                .is_err()
        );
    }

    #[rstest]
    #[case("http://localhost:1/")]
    #[case("http://127.0.0.1:1/")]
    #[case("http://[::1]:1/")]
    fn http_is_fine_on_this_machine(#[case] target: &str) {
        assert_eq!(rule(target).admits_url(&url(target)), Ok(()));
    }
}
