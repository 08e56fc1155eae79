//! What proxies that we know say about a request: whose it is, and under which scheme and host it was sent.
//!
//! Nobody else is believed. A trusted peer is believed about who spoke to it; if that is a trusted proxy
//! too, it is believed in turn, and so on, from the right-most hop of the header to the left. What stands
//! further left was written by somebody we do not know, perhaps by the client itself.
//!
//! There are two spellings of the same story, `Forwarded` (RFC 7239) and the `X-Forwarded-*` family, and a
//! proxy that writes the one lets the client's words in the other pass. So when both are there they must
//! tell the same: who the client is must follow from each, scheme and host count only when both say them,
//! and a contradiction is refused. A setting names the one that counts; then the other is nobody's word.
//!
//! The canonical URI, the metadata document and every challenge come from the settings, whatever is said
//! here.

mod common;
mod standard;

use std::{collections::VecDeque, net::IpAddr};

use http::{HeaderMap, header};
use ipnet::IpNet;
use oauthgate_core::{Denial, Reason};

use super::admission::Authority;

/// How many hops are followed: a longer chain is no deployment, but an attack on the walk.
const MAX_HOPS: usize = 32;

/// What of a header goes into a refusal's detail, at the end, where the nearest hops stand.
const MAX_SHOWN: usize = 60;

/// The setting that ends a contradiction.
const SETTING: &str = "OAUTHGATE_FORWARDED_HEADER";

/// In which of the two spellings proxies are believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// In both; they must agree.
    #[default]
    Auto,
    /// `Forwarded` (RFC 7239) alone.
    Forwarded,
    /// `X-Forwarded-For`, `-Proto` and `-Host` alone.
    XForwarded,
    /// In none.
    Nothing,
}

/// The scheme a client used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Some proxies tell of a WebSocket by its own scheme.
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "http" | "ws" => Some(Self::Http),
            "https" | "wss" => Some(Self::Https),
            _ => None,
        }
    }
}

/// What is known about who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The client's address: the peer's, if nobody we trust says otherwise.
    pub client: IpAddr,
    /// The scheme the client used.
    pub scheme: Option<Scheme>,
    /// The host the client named.
    pub host: Option<Authority>,
}

impl Reported {
    /// Nothing but a peer.
    fn nothing(client: IpAddr) -> Self {
        Self {
            client,
            scheme: None,
            host: None,
        }
    }
}

/// The proxies in front of the gate.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
}

impl TrustedProxies {
    /// Believes these, in this spelling.
    #[must_use]
    pub fn new(networks: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { networks, header }
    }

    /// Whether an address is one of them.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// What the headers of a request from this peer say, as far as they are believed.
    ///
    /// # Errors
    /// [`Reason::AmbiguousClient`] when a trusted peer's headers contradict each other;
    /// [`Reason::MalformedRequest`] when one of them cannot be read.
    pub fn reported(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Reported, Denial> {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return Ok(Reported::nothing(peer));
        }
        let standard = match self.header {
            ForwardedHeader::Auto | ForwardedHeader::Forwarded => self.standard(headers, peer)?,
            _ => None,
        };
        let common = match self.header {
            ForwardedHeader::Auto | ForwardedHeader::XForwarded => self.common(headers, peer)?,
            _ => None,
        };
        match (standard, common) {
            (None, None) => Ok(Reported::nothing(peer)),
            (Some(told), None) | (None, Some(told)) => Ok(told),
            (Some(standard), Some(common)) => agreed(headers, standard, &common),
        }
    }

    fn standard(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Option<Reported>, Denial> {
        if !headers.contains_key(header::FORWARDED) {
            return Ok(None);
        }
        let elements = standard::read(headers)?;
        let walk = self.walk(peer, elements.iter().rev().map(|element| element.node));
        // The farthest proxy that we trust is the one that the client spoke to.
        let believed = || elements.iter().rev().take(walk.hops);
        let scheme = believed()
            .filter_map(|element| element.proto.as_deref())
            .next_back();
        Ok(Some(Reported {
            client: walk.client,
            scheme: scheme.map(standard::scheme).transpose()?,
            host: believed()
                .filter_map(|element| element.host.clone())
                .next_back(),
        }))
    }

    fn common(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Option<Reported>, Denial> {
        if !common::NAMES.iter().any(|name| headers.contains_key(*name)) {
            return Ok(None);
        }
        let walk = self.walk(peer, common::nodes(headers));
        // The peer itself stands behind the last value, whether or not it says who spoke to it.
        let hops = walk.hops.max(1);
        Ok(Some(Reported {
            client: walk.client,
            scheme: common::scheme(headers, hops)?,
            host: common::host(headers, hops)?,
        }))
    }

    /// From the nearest hop outwards, as long as each is a proxy that we trust. A hop that is no address
    /// ends the walk at the proxy that reported it.
    fn walk(&self, peer: IpAddr, nodes: impl Iterator<Item = Option<IpAddr>>) -> Walk {
        let mut walk = Walk {
            client: peer,
            hops: 0,
        };
        for node in nodes.take(MAX_HOPS) {
            walk.hops += 1;
            let Some(node) = node else { break };
            walk.client = node;
            if !self.trusts(node) {
                break;
            }
        }
        walk
    }
}

/// Where a walk ended.
#[derive(Debug)]
struct Walk {
    client: IpAddr,
    /// How many hops were written by proxies that we trust.
    hops: usize,
}

/// What two spellings say together.
fn agreed(headers: &HeaderMap, standard: Reported, common: &Reported) -> Result<Reported, Denial> {
    if standard.client != common.client {
        return Err(contradiction(headers, common::FOR));
    }
    Ok(Reported {
        client: standard.client,
        scheme: both(standard.scheme, common.scheme, PartialEq::eq)
            .map_err(|()| contradiction(headers, common::PROTO))?,
        host: both(standard.host, common.host.clone(), Authority::is_same)
            .map_err(|()| contradiction(headers, common::HOST))?,
    })
}

/// What only one of two says may be the client's own word.
fn both<T>(first: Option<T>, second: Option<T>, same: fn(&T, &T) -> bool) -> Result<Option<T>, ()> {
    match (first, second) {
        (Some(first), Some(second)) if same(&first, &second) => Ok(Some(first)),
        (Some(_), Some(_)) => Err(()),
        _ => Ok(None),
    }
}

fn contradiction(headers: &HeaderMap, name: &'static str) -> Denial {
    ambiguous(format!(
        "set {SETTING} to what your proxy writes: `forwarded` says {}, `{name}` says {}",
        shown(headers, header::FORWARDED.as_str()),
        shown(headers, name),
    ))
}

fn ambiguous(detail: String) -> Denial {
    Denial::new(Reason::AmbiguousClient).with_detail(detail)
}

fn malformed(detail: String) -> Denial {
    Denial::new(Reason::MalformedRequest).with_detail(detail)
}

/// The end of a header's values, for the log: the nearest hops are the ones in question.
fn shown(headers: &HeaderMap, name: &str) -> String {
    let mut end = VecDeque::new();
    let lines = headers.get_all(name).iter().rev();
    for (position, line) in lines.enumerate() {
        let separator: &[u8] = if position == 0 { b"" } else { b", " };
        for byte in separator.iter().rev().chain(line.as_bytes().iter().rev()) {
            if end.len() == MAX_SHOWN {
                end.iter_mut().take(3).for_each(|byte| *byte = b'.');
                return quoted(&mut end);
            }
            end.push_front(*byte);
        }
    }
    match headers.contains_key(name) {
        true => quoted(&mut end),
        false => "nothing".to_owned(),
    }
}

fn quoted(bytes: &mut VecDeque<u8>) -> String {
    format!("`{}`", bytes.make_contiguous().escape_ascii())
}

#[cfg(test)]
mod tests;
