//! Which addresses a fetch may reach.
//!
//! A metadata document can name any `jwks_uri`; without a rule it could make us call the cloud's
//! metadata service or a neighbour's admin port. Hosts that the *operator* named may be private.
//! Hosts that a *document* named may be so only if the operator's own are. Addresses that no
//! authorization server has (link-local, unspecified, multicast, tunnels) are refused to all.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicU8, Ordering},
};

use url::{Host, Url};

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
    #[error("{host} is at {address}, which is not a public address")]
    Address { host: String, address: IpAddr },
}

/// The rule for one issuer's fetches.
#[derive(Debug)]
pub(crate) struct AddressRule {
    named_hosts: Vec<String>,
    /// The farthest-in reach of a host that the operator named, as far as it is known.
    operators_reach: AtomicU8,
}

impl AddressRule {
    /// A rule where the hosts of these URLs were named by the operator.
    pub(crate) fn new<'url>(named: impl IntoIterator<Item = &'url Url>) -> Self {
        let rule = Self {
            named_hosts: Vec::new(),
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
        let named = self
            .named_hosts
            .iter()
            .any(|named| named.eq_ignore_ascii_case(host));
        let admitted = match reach {
            Reach::Forbidden => false,
            Reach::Public | Reach::Private if host.eq_ignore_ascii_case("localhost") => false,
            Reach::Public => true,
            Reach::Private | Reach::Loopback => named || reach <= self.operators_reach(),
        };
        if !admitted {
            return Err(Refused::Address {
                host: host.to_owned(),
                address,
            });
        }
        if named {
            self.remember(reach);
        }
        Ok(())
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

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

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
            matches!(refused, Err(Refused::Address { .. })),
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
        assert_eq!(rule.admits("keys.corp.example", [private]), Ok(()));
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
