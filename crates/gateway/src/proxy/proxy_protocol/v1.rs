//! Version 1: a line of text.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use super::{ProxyHeader, ProxyHeaderError};

pub(super) const PREFIX: &[u8] = b"PROXY ";

/// The longest line, with the end of the line.
pub(super) const MAX_LINE: usize = 107;

pub(super) fn read(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let within = bytes.get(..MAX_LINE).unwrap_or(bytes);
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return match within.len() {
            MAX_LINE => Err(ProxyHeaderError::TooLong),
            _ => Ok(None),
        };
    };
    let line = within
        .get(PREFIX.len()..end)
        .and_then(|rest| rest.strip_suffix(b"\r"))
        .ok_or(ProxyHeaderError::Malformed("the line does not end in CRLF"))?;
    Ok(Some(ProxyHeader {
        source: source(line)?,
        length: end + 1,
    }))
}

fn source(line: &[u8]) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    let malformed = ProxyHeaderError::Malformed("the line is none of version 1");
    let line = std::str::from_utf8(line).map_err(|_| malformed)?;
    let words: Vec<_> = line.split(' ').collect();
    match words.as_slice() {
        // What a proxy says beside it is not meant to be read.
        ["UNKNOWN", ..] => Ok(None),
        ["TCP4", ends @ ..] => pair::<Ipv4Addr>(ends).ok_or(malformed).map(Some),
        ["TCP6", ends @ ..] => pair::<Ipv6Addr>(ends).ok_or(malformed).map(Some),
        _ => Err(malformed),
    }
}

/// Source and destination; only the source is of interest, but half a line is no line.
fn pair<A: FromStr + Into<IpAddr>>(words: &[&str]) -> Option<SocketAddr> {
    let [source, destination, source_port, destination_port] = words else {
        return None;
    };
    let _: A = destination.parse().ok()?;
    port(destination_port)?;
    let source: A = source.parse().ok()?;
    Some(SocketAddr::new(source.into(), port(source_port)?))
}

/// Decimal, and written in one way only.
fn port(text: &str) -> Option<u16> {
    let number: u16 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
