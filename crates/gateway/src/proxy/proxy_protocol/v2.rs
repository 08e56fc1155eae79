//! Version 2: binary.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{ProxyHeader, ProxyHeaderError, checksum::Crc32c};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family, length of the rest.
pub(super) const HEAD: usize = 16;

/// Addresses take 36 bytes at the most; the other fields are certificates' names and the like.
pub(super) const MAX_REST: usize = 4096;

/// The field that carries a checksum of the whole header.
const CHECKSUM: u8 = 0x03;

type Outcome<T> = Result<T, ProxyHeaderError>;
/// Takes the source out of a pair of addresses.
type ReadSource = fn(&[u8]) -> Option<SocketAddr>;

pub(super) fn read(bytes: &[u8]) -> Outcome<Option<ProxyHeader>> {
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else {
        return Ok(None);
    };
    let [.., command, family, high, low] = *head else {
        return Ok(None);
    };
    let is_proxied = is_proxied(command)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_REST {
        return Err(ProxyHeaderError::TooLong);
    }
    let Some(rest) = rest.get(..length) else {
        return Ok(None);
    };
    let source = match is_proxied {
        true => source(head, family, rest)?,
        // The proxy's own connection: whatever else is said, the addresses are the socket's.
        false => None,
    };
    Ok(Some(ProxyHeader {
        source,
        length: HEAD + length,
    }))
}

fn is_proxied(command: u8) -> Outcome<bool> {
    match command {
        0x20 => Ok(false),
        0x21 => Ok(true),
        _ => Err(ProxyHeaderError::Malformed(
            "neither LOCAL nor PROXY of version 2",
        )),
    }
}

fn source(head: &[u8], family: u8, rest: &[u8]) -> Outcome<Option<SocketAddr>> {
    let (read, length): (ReadSource, _) = match family {
        // "Unspecified": the proxy could not say, so the socket's addresses are all there is.
        0x00 => return Ok(None),
        0x11 => (v4, 12),
        0x21 => (v6, 36),
        0x12 | 0x22 | 0x31 | 0x32 => return Err(ProxyHeaderError::OtherTransport),
        _ => return Err(ProxyHeaderError::Malformed("no such family")),
    };
    let cut_short = ProxyHeaderError::Malformed("the addresses are cut short");
    let (addresses, fields) = rest.split_at_checked(length).ok_or(cut_short)?;
    check(head, addresses, fields)?;
    read(addresses).ok_or(cut_short).map(Some)
}

fn v4(rest: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 4] = *rest.first_chunk()?;
    Some(socket(Ipv4Addr::from(address).into(), rest.get(8..10)?))
}

fn v6(rest: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 16] = *rest.first_chunk()?;
    Some(socket(Ipv6Addr::from(address).into(), rest.get(32..34)?))
}

fn socket(address: IpAddr, port: &[u8]) -> SocketAddr {
    let port = port
        .iter()
        .fold(0, |port, byte| port << 8 | u16::from(*byte));
    SocketAddr::new(address, port)
}

/// Walks over the fields, which must fill the header exactly, and compares the checksum if there is one.
fn check(head: &[u8], addresses: &[u8], mut fields: &[u8]) -> Outcome<()> {
    let malformed = ProxyHeaderError::Malformed("the fields do not fill it");
    let mut sum = Crc32c::default().over(head).over(addresses);
    let mut expected = None;
    while !fields.is_empty() {
        let [kind, high, low, rest @ ..] = fields else {
            return Err(malformed);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, rest) = rest.split_at_checked(length).ok_or(malformed)?;
        sum = sum.over(&[*kind, *high, *low]);
        sum = if *kind == CHECKSUM {
            let value: [u8; 4] = value.try_into().map_err(|_| malformed)?;
            if expected.replace(u32::from_be_bytes(value)).is_some() {
                return Err(ProxyHeaderError::Malformed("two checksums"));
            }
            // It was made while its own place was empty.
            sum.over(&[0; 4])
        } else {
            sum.over(value)
        };
        fields = rest;
    }
    match expected {
        Some(expected) if expected != sum.value() => Err(ProxyHeaderError::Checksum),
        _ => Ok(()),
    }
}
