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
use oauthgate_core::SettingError;
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

/// Whether this URL may be fetched at all: https (http on loopback), no credentials, no fragment.
pub(crate) fn fetchable(url: &Url) -> Result<(), SettingError> {
    if !is_fetchable_scheme(url) {
        return Err(SettingError::new(
            format!(
                "`{}` is not fetched from {}",
                url.scheme(),
                url.host_str().unwrap_or("no host")
            ),
            "an https URL (http only for localhost, 127.0.0.1 and [::1])",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(SettingError::new(
            "the URL carries credentials or a fragment",
            "the URL without them",
        ));
    }
    Ok(())
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
#[path = "address_tests.rs"]
mod tests;
