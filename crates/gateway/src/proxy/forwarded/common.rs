//! `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`, which no standard describes.
//!
//! Each is a list to which some proxies add and which others replace, so nobody can tell which value of the
//! one belongs to which of the other. From the right, as many values count as trusted proxies were
//! passed, and these must say the same.
//!
//! `X-Forwarded-Port` is not read: a client names the port together with the host, and what load balancers
//! write into it is often their own.

use std::{
    iter::once,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use http::{HeaderMap, HeaderValue};
use oauthgate_core::Denial;

use super::{MAX_HOPS, Scheme, ambiguous, malformed, shown};
use crate::proxy::admission::Authority;

pub(super) const FOR: &str = "x-forwarded-for";
pub(super) const PROTO: &str = "x-forwarded-proto";
pub(super) const HOST: &str = "x-forwarded-host";

/// All that are read.
pub(super) const NAMES: [&str; 3] = [FOR, PROTO, HOST];

/// The hops, the nearest first. One that is no address is kept, so that nothing beyond it is believed.
pub(super) fn nodes(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    values(headers, FOR).map(|value| value.and_then(address))
}

/// What the last values say that passed trusted proxies.
pub(super) fn scheme(headers: &HeaderMap, hops: usize) -> Result<Option<Scheme>, Denial> {
    one(headers, PROTO, hops, Scheme::parse, PartialEq::eq)
}

/// What the last values say that passed trusted proxies.
pub(super) fn host(headers: &HeaderMap, hops: usize) -> Result<Option<Authority>, Denial> {
    one(headers, HOST, hops, Authority::parse, Authority::is_same)
}

fn one<T>(
    headers: &HeaderMap,
    name: &str,
    hops: usize,
    parse: fn(&str) -> Option<T>,
    same: fn(&T, &T) -> bool,
) -> Result<Option<T>, Denial> {
    let mut found: Option<T> = None;
    for value in values(headers, name).take(hops.min(MAX_HOPS)) {
        let value = value.and_then(parse).ok_or_else(|| {
            malformed(format!("`{name}` cannot be read: {}", shown(headers, name)))
        })?;
        match &found {
            Some(found) if !same(found, &value) => {
                let values = shown(headers, name);
                return Err(ambiguous(format!("`{name}` says two things: {values}")));
            }
            Some(_) => {}
            None => found = Some(value),
        }
    }
    Ok(found)
}

/// The values of all lines, the last first; `None` for one that is no text.
fn values<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = Option<&'h str>> {
    let lines = headers.get_all(name).into_iter().rev();
    lines.flat_map(|line| -> Box<dyn Iterator<Item = Option<&'h str>>> {
        match HeaderValue::to_str(line) {
            Ok(line) => Box::new(line.rsplit(',').map(|value| Some(value.trim()))),
            Err(_) => Box::new(once(None)),
        }
    })
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(node: &str) -> Option<IpAddr> {
    let bracketed = || {
        node.strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
    };
    node.parse::<Ipv4Addr>()
        .map(IpAddr::from)
        .or_else(|_| node.parse::<SocketAddr>().map(|address| address.ip()))
        .or_else(|_| {
            bracketed()
                .unwrap_or(node)
                .parse::<Ipv6Addr>()
                .map(IpAddr::from)
        })
        .map(|address| address.to_canonical())
        .ok()
}
