//! The headers that reach the upstream, and those that reach the client: the only place that writes
//! identity.
//!
//! What a client sends under a name of ours is always removed first, whether or not we have a value for
//! it. The client's token ends here: it is for this resource and nobody else (MCP, token passthrough;
//! RFC 9700 §4.9). `Cookie` goes on: we never read it, so it can be no credential for us, and the
//! application may need its own.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use oauthgate_core::{Denial, PrincipalKind, Reason, UserContext};
use oauthgate_mcp::policy::AnonymousPermit;

pub use super::protected::is_protected;
use super::{
    hop_by_hop,
    protected::{is_identity, is_of_session},
};
use crate::{config::settings::IdentityHeaders, proxy::admission::Authority};

/// The longest value we write; upstreams commonly refuse a head of more than 8 to 16 KiB.
const MAX_VALUE: usize = 4 * 1024;

/// Where a request came from, as the upstream is told.
#[derive(Debug, Clone, Copy)]
pub struct Provenance<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// The host the client named, admitted; what a trusted proxy says it was before it rewrote `Host`.
    pub host: &'a Authority,
    /// `https` or `http`: what a trusted proxy says the client used, else what the resource's canonical URI says.
    pub scheme: &'a str,
}

/// Turns the headers a client sent into those the upstream gets. Writes no `Host`.
///
/// # Errors
/// [`Reason::MalformedClaims`] when the caller's identity does not fit into a header: such a token must
/// not become a nameless request.
pub fn to_upstream(
    headers: &mut HeaderMap,
    user: &UserContext,
    preset: IdentityHeaders,
    provenance: Provenance<'_>,
) -> Result<(), Denial> {
    strip(headers);
    write_identity(headers, &Identity::of(user), preset)?;
    write_provenance(headers, provenance);
    Ok(())
}

/// As [`to_upstream`], for a caller without a token: no header speaks of anybody, whatever the client sent,
/// and an upstream that looks for a name finds none.
pub fn to_upstream_for_nobody(
    headers: &mut HeaderMap,
    _: &AnonymousPermit,
    provenance: Provenance<'_>,
) {
    strip(headers);
    write_provenance(headers, provenance);
}

/// Turns the headers of the upstream's response into those the client gets: nothing about its
/// connection, nothing that looks like identity, no CORS (ours replaces it), no `Alt-Svc`, which would
/// lead clients around the gate, and no challenge: the token ends here, so a client that followed the
/// upstream's challenge would log in in vain, or hand a fresh token to whom the upstream names.
pub fn to_client(headers: &mut HeaderMap) {
    hop_by_hop::strip(headers);
    headers.remove(header::ALT_SVC);
    headers.remove(header::WWW_AUTHENTICATE);
    remove_if(headers, |name| {
        is_identity(name) || name.as_str().starts_with("access-control-")
    });
    if is_event_stream(headers) {
        // MCP asks for it: nginx and its kin otherwise hold events back.
        headers
            .entry(HeaderName::from_static("x-accel-buffering"))
            .or_insert(HeaderValue::from_static("no"));
    }
}

/// Removes from trailers, in either direction, what headers could not have carried either.
pub fn strip_trailers(trailers: &mut HeaderMap) {
    hop_by_hop::strip(trailers);
    remove_if(trailers, |name| {
        is_protected(name)
            || is_of_session(name)
            || *name == header::HOST
            || *name == header::CONTENT_LENGTH
    });
}

fn strip(headers: &mut HeaderMap) {
    hop_by_hop::strip(headers);
    remove_if(headers, is_protected);
    // Both were judged here. The upstream sees its own host, so a page's origin would look foreign to it.
    headers.remove(header::HOST);
    headers.remove(header::ORIGIN);
    // We promise the client 100 ourselves, as soon as the upstream takes the body.
    headers.remove(header::EXPECT);
    join_cookies(headers);
}

/// HTTP/2 clients may send one cookie a line; HTTP/1.1 knows one line only (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<_> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if lines.len() < 2 {
        return;
    }
    match HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        Ok(joined) => drop(headers.insert(header::COOKIE, joined)),
        Err(_) => drop(headers.remove(header::COOKIE)),
    }
}

fn remove_if(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let names: Vec<_> = headers
        .keys()
        .filter(|name| unwanted(name))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// What of a [`UserContext`] the upstream learns.
#[derive(Debug)]
struct Identity {
    issuer: String,
    user: String,
    kind: PrincipalKind,
    client: Option<String>,
    email: Option<String>,
    tenant: Option<String>,
    tier: String,
    groups: Vec<String>,
    groups_truncated: bool,
    scopes: String,
}

impl Identity {
    fn of(user: &UserContext) -> Self {
        Self {
            issuer: user.issuer().as_str().to_owned(),
            user: user.user_id().to_owned(),
            kind: user.kind(),
            client: user.client_id().map(str::to_owned),
            // Upstreams use it as a key, whatever we say; so only one that the issuer vouches for.
            email: user
                .email()
                .filter(|_| user.email_verified())
                .map(str::to_owned),
            tenant: user.tenant_id().map(str::to_owned),
            tier: user.tier().to_owned(),
            groups: user.groups().to_vec(),
            groups_truncated: user.groups_truncated(),
            scopes: user.scopes().to_string(),
        }
    }

    /// All groups in one value, or none: half a list could open what the other half closes.
    fn groups(&self) -> Option<HeaderValue> {
        let encoded: Vec<_> = self
            .groups
            .iter()
            .map(|group| encode_group(group))
            .collect();
        optional(&encoded.join(","))
    }
}

/// Said wherever somebody may be in a group that is not told: the issuer left some out, or they fit no header.
fn groups_are_truncated(identity: &Identity, groups: Option<&HeaderValue>) -> bool {
    identity.groups_truncated || (groups.is_none() && !identity.groups.is_empty())
}

fn write_identity(
    headers: &mut HeaderMap,
    identity: &Identity,
    preset: IdentityHeaders,
) -> Result<(), Denial> {
    match preset {
        IdentityHeaders::AuthRequest => write_auth_request(headers, identity),
        IdentityHeaders::Remote => write_remote(headers, identity),
        IdentityHeaders::Nothing => Ok(()),
    }
}

fn write_auth_request(headers: &mut HeaderMap, identity: &Identity) -> Result<(), Denial> {
    let kind = match identity.kind {
        PrincipalKind::Service => "service",
        _ => "user",
    };
    let mut write = |name, value| write(headers, name, value);
    write("x-auth-request-user", Some(required(&identity.user)?));
    // A subject is unique within its issuer only (OpenID Connect Core §2), and there may be several.
    write("x-auth-issuer", Some(required(&identity.issuer)?));
    write("x-auth-kind", optional(kind));
    write(
        "x-auth-tenant",
        required_if_any(identity.tenant.as_deref())?,
    );
    write(
        "x-auth-client",
        required_if_any(identity.client.as_deref())?,
    );
    write("x-auth-scopes", Some(scopes(&identity.scopes)?));
    write("x-auth-tier", optional(&identity.tier));
    write(
        "x-auth-request-email",
        identity.email.as_deref().and_then(optional),
    );
    let groups = identity.groups();
    let truncated = groups_are_truncated(identity, groups.as_ref());
    write("x-auth-request-groups", groups);
    write(
        "x-auth-groups-truncated",
        truncated.then(|| HeaderValue::from_static("true")),
    );
    Ok(())
}

/// `Remote-User` is a person by every convention; a program must not be taken for one (RFC 9700 §4.15).
fn write_remote(headers: &mut HeaderMap, identity: &Identity) -> Result<(), Denial> {
    let user = required(&identity.user)?;
    if identity.kind != PrincipalKind::User {
        return Ok(());
    }
    write(headers, "remote-user", Some(user));
    write(
        headers,
        "remote-email",
        identity.email.as_deref().and_then(optional),
    );
    write(headers, "remote-groups", identity.groups());
    Ok(())
}

/// One value each, whatever stood there: the upstream need not know how many proxies there are, nor which to
/// believe. `Forwarded` is not written, because an upstream that reads both would have to ask which counts.
fn write_provenance(headers: &mut HeaderMap, provenance: Provenance<'_>) {
    let client = provenance.client.to_string();
    write(headers, "x-forwarded-for", optional(&client));
    write(headers, "x-forwarded-proto", optional(provenance.scheme));
    write(
        headers,
        "x-forwarded-host",
        optional(&provenance.host.to_string()),
    );
}

fn write(headers: &mut HeaderMap, name: &'static str, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn required(text: &str) -> Result<HeaderValue, Denial> {
    optional(text).ok_or_else(|| {
        Denial::new(Reason::MalformedClaims)
            .with_detail("the caller's identity does not fit into a header")
    })
}

fn required_if_any(text: Option<&str>) -> Result<Option<HeaderValue>, Denial> {
    text.map(required).transpose()
}

/// A token without scopes has none to tell; too many must not be cut silently.
fn scopes(text: &str) -> Result<HeaderValue, Denial> {
    if text.is_empty() {
        return Ok(HeaderValue::from_static(""));
    }
    required(text)
}

/// A value that every reader reads alike: printable ASCII, not blank at either end, not too long.
fn optional(text: &str) -> Option<HeaderValue> {
    let printable = |byte: u8| (0x20..0x7f).contains(&byte);
    let fits = (1..=MAX_VALUE).contains(&text.len());
    if !fits || text.trim() != text || !text.bytes().all(printable) {
        return None;
    }
    HeaderValue::from_str(text).ok()
}

/// Percent-encodes what a list or a header could not carry, and the percent sign itself.
fn encode_group(group: &str) -> String {
    let mut encoded = String::with_capacity(group.len());
    for byte in group.bytes() {
        match byte {
            b',' | b'%' | 0..=0x1f | 0x7f.. => encoded.push_str(&format!("%{byte:02X}")),
            byte => encoded.push(char::from(byte)),
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
