//! `Forwarded`, by the grammar of RFC 7239 §4 and §6 and no other.
//!
//! A header that does not follow it is refused as a whole: a quotation mark in one hop's words would
//! otherwise swallow the next hop's.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use http::{HeaderMap, header};
use oauthgate_core::Denial;

use super::{MAX_HOPS, SETTING, Scheme, malformed, shown};
use crate::proxy::admission::Authority;

/// More parameters than anybody has defined.
const MAX_PARAMETERS: usize = 16;

/// What one proxy said about whom it heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Who spoke to it, if it says so by an address.
    pub(super) node: Option<IpAddr>,
    /// By which scheme.
    pub(super) proto: Option<String>,
    /// To which host.
    pub(super) host: Option<Authority>,
}

/// The elements of all lines, the nearest last; no more than are followed.
pub(super) fn read(headers: &HeaderMap) -> Result<VecDeque<Element>, Denial> {
    let mut elements = VecDeque::new();
    for line in headers.get_all(header::FORWARDED) {
        let mut rest = Rest(line.as_bytes());
        loop {
            let element = rest.element().ok_or_else(|| unreadable(headers))?;
            if elements.len() == MAX_HOPS {
                elements.pop_front();
            }
            elements.push_back(element);
            if !rest.takes(b',') {
                break;
            }
        }
        if !rest.0.is_empty() {
            return Err(unreadable(headers));
        }
    }
    Ok(elements)
}

/// The scheme that a trusted proxy names.
pub(super) fn scheme(proto: &str) -> Result<Scheme, Denial> {
    Scheme::parse(proto)
        .ok_or_else(|| malformed("`forwarded` names a scheme that is not http".to_owned()))
}

fn unreadable(headers: &HeaderMap) -> Denial {
    malformed(format!(
        "`forwarded` does not follow RFC 7239 (if no proxy of yours writes it, set {SETTING}=x-forwarded): {}",
        shown(headers, header::FORWARDED.as_str())
    ))
}

/// What is left of a line.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Pairs with semicolons between them, none twice, up to a comma or the end. Each may be missing.
    fn element(&mut self) -> Option<Element> {
        let mut element = Element::default();
        let mut names = Vec::new();
        loop {
            self.skip_blanks();
            if !matches!(self.0.first(), None | Some(b',' | b';')) {
                let (name, value) = self.pair()?;
                if names.contains(&name) || names.len() == MAX_PARAMETERS {
                    return None;
                }
                element.learn(&name, value)?;
                names.push(name);
            }
            self.skip_blanks();
            if !self.takes(b';') {
                return Some(element);
            }
        }
    }

    /// A name in lower case, and its value.
    fn pair(&mut self) -> Option<(String, String)> {
        let name = self.token()?.to_ascii_lowercase();
        if !self.takes(b'=') {
            return None;
        }
        let value = match self.takes(b'"') {
            true => self.quoted()?,
            false => self.token()?,
        };
        Some((name, value))
    }

    fn token(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| !is_token(*byte));
        let (token, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        let token = std::str::from_utf8(token).ok()?;
        (!token.is_empty()).then(|| token.to_owned())
    }

    /// What stands before the closing quotation mark, which is taken too.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            match byte {
                b'"' => return Some(value),
                b'\\' => {
                    let (escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    value.push(text(*escaped)?);
                }
                byte => value.push(text(*byte)?),
            }
        }
    }

    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn takes(&mut self, expected: u8) -> bool {
        match self.0.split_first() {
            Some((byte, rest)) if *byte == expected => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }
}

impl Element {
    /// `None` for a value that its name does not allow. Names that nobody has defined may have any.
    fn learn(&mut self, name: &str, value: String) -> Option<()> {
        match name {
            "for" => self.node = node(&value)?,
            "by" => drop(node(&value)?),
            "host" => self.host = Some(Authority::parse(&value)?),
            "proto" => self.proto = Some(is_scheme(&value).then_some(value)?),
            _ => {}
        }
        Some(())
    }
}

/// The address of a node (§6), if it has one; `None` for what is no node.
#[expect(
    clippy::option_option,
    reason = "a node without an address is something else than no node"
)]
fn node(text: &str) -> Option<Option<IpAddr>> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return port.then(|| Some(IpAddr::from(address).to_canonical()));
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    if !port.is_none_or(is_port) {
        return None;
    }
    if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
        return Some(None);
    }
    let address: Ipv4Addr = name.parse().ok()?;
    Some(Some(address.into()))
}

fn is_port(text: &str) -> bool {
    let digits = || text.bytes().all(|byte| byte.is_ascii_digit());
    is_obfuscated(text) || ((1..=5).contains(&text.len()) && digits())
}

fn is_obfuscated(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.strip_prefix('_')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(legal))
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(legal)
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What may stand within quotation marks (RFC 9110 §5.6.4), but for bytes that are no ASCII: nothing here
/// has a use for them.
fn text(byte: u8) -> Option<char> {
    (byte == b'\t' || (0x20..0x7f).contains(&byte)).then_some(char::from(byte))
}
