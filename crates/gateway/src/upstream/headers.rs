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
    let kept = user.kept(|user| Prepared::of(&Identity::of(user), preset));
    kept.write_as(preset, || Identity::of(user), headers)?;
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
    hop_by_hop::strip(headers, |name| {
        *name == header::ALT_SVC
            || *name == header::WWW_AUTHENTICATE
            || name.as_str().starts_with("access-control-")
            || is_identity(name)
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
    hop_by_hop::strip(trailers, |name| {
        is_protected(name)
            || is_of_session(name)
            || *name == header::HOST
            || *name == header::CONTENT_LENGTH
    });
}

fn strip(headers: &mut HeaderMap) {
    // It was judged here, as the origin was. The upstream sees its own host, so a page's origin would look
    // foreign to it.
    headers.remove(header::HOST);
    hop_by_hop::strip(headers, |name| {
        // We promise the client 100 ourselves, as soon as the upstream takes the body.
        [header::ORIGIN, header::EXPECT].contains(name) || is_protected(name)
    });
    join_cookies(headers);
}

/// HTTP/2 clients may send one cookie a line; HTTP/1.1 knows one line only (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::COOKIE);
    if lines.iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<_> = lines.iter().map(HeaderValue::as_bytes).collect();
    match HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        Ok(joined) => drop(headers.insert(header::COOKIE, joined)),
        Err(_) => drop(headers.remove(header::COOKIE)),
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

/// The headers that name a caller, made once for each token and setting.
#[derive(Debug)]
struct Prepared {
    preset: IdentityHeaders,
    /// `None` when the identity does not fit into headers.
    headers: Option<Vec<(HeaderName, HeaderValue)>>,
}

impl Prepared {
    fn of(identity: &Identity, preset: IdentityHeaders) -> Self {
        let headers = match preset {
            IdentityHeaders::AuthRequest => auth_request(identity),
            IdentityHeaders::Remote => remote(identity),
            IdentityHeaders::Nothing => Some(Vec::new()),
        };
        Self { preset, headers }
    }

    /// As this setting wants it: the same token may come to a resource with another one.
    fn write_as(
        &self,
        preset: IdentityHeaders,
        identity: impl FnOnce() -> Identity,
        headers: &mut HeaderMap,
    ) -> Result<(), Denial> {
        match self.preset == preset {
            true => self.write(headers),
            false => Self::of(&identity(), preset).write(headers),
        }
    }

    fn write(&self, headers: &mut HeaderMap) -> Result<(), Denial> {
        let prepared = self.headers.as_ref().ok_or_else(unfit)?;
        headers.reserve(prepared.len() + PROVENANCE);
        for (name, value) in prepared {
            headers.insert(name.clone(), value.clone());
        }
        Ok(())
    }
}

fn unfit() -> Denial {
    Denial::new(Reason::MalformedClaims)
        .with_detail("the caller's identity does not fit into a header")
}

/// `None` when what must be told does not fit into a header.
fn auth_request(identity: &Identity) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let kind = match identity.kind {
        PrincipalKind::Service => "service",
        _ => "user",
    };
    let groups = identity.groups();
    let truncated = groups_are_truncated(identity, groups.as_ref());
    let headers = [
        ("x-auth-request-user", Some(optional(&identity.user)?)),
        // A subject is unique within its issuer only (OpenID Connect Core §2), and there may be several.
        ("x-auth-issuer", Some(optional(&identity.issuer)?)),
        ("x-auth-kind", optional(kind)),
        (
            "x-auth-tenant",
            required_if_any(identity.tenant.as_deref())?,
        ),
        (
            "x-auth-client",
            required_if_any(identity.client.as_deref())?,
        ),
        ("x-auth-scopes", Some(scopes(&identity.scopes)?)),
        ("x-auth-tier", optional(&identity.tier)),
        (
            "x-auth-request-email",
            identity.email.as_deref().and_then(optional),
        ),
        ("x-auth-request-groups", groups),
        (
            "x-auth-groups-truncated",
            truncated.then(|| HeaderValue::from_static("true")),
        ),
    ];
    Some(headers.into_iter().filter_map(there).collect())
}

/// `Remote-User` is a person by every convention; a program must not be taken for one (RFC 9700 §4.15).
fn remote(identity: &Identity) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let user = optional(&identity.user)?;
    if identity.kind != PrincipalKind::User {
        return Some(Vec::new());
    }
    let email = identity.email.as_deref().and_then(optional);
    let headers = [
        ("remote-user", Some(user)),
        ("remote-email", email),
        ("remote-groups", identity.groups()),
    ];
    Some(headers.into_iter().filter_map(there).collect())
}

fn there((name, value): (&'static str, Option<HeaderValue>)) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_static(name), value?))
}

/// So many headers tell where a request came from.
const PROVENANCE: usize = 3;

/// One value each, whatever stood there: the upstream need not know how many proxies there are, nor which to
/// believe. `Forwarded` is not written, because an upstream that reads both would have to ask which counts.
fn write_provenance(headers: &mut HeaderMap, provenance: Provenance<'_>) {
    let client = provenance.client.to_string();
    write(headers, "x-forwarded-for", optional(&client));
    write(headers, "x-forwarded-proto", scheme(provenance.scheme));
    write(headers, "x-forwarded-host", host(provenance.host));
}

fn scheme(scheme: &str) -> Option<HeaderValue> {
    match scheme {
        "https" => Some(HeaderValue::from_static("https")),
        "http" => Some(HeaderValue::from_static("http")),
        other => optional(other),
    }
}

fn host(host: &Authority) -> Option<HeaderValue> {
    match host.port() {
        None => optional(host.host()),
        Some(_) => optional(&host.to_string()),
    }
}

fn write(headers: &mut HeaderMap, name: &'static str, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// `None` when there is a text that does not fit.
fn required_if_any(text: Option<&str>) -> Option<Option<HeaderValue>> {
    match text {
        Some(text) => Some(Some(optional(text)?)),
        None => Some(None),
    }
}

/// A token without scopes has none to tell; too many must not be cut silently.
fn scopes(text: &str) -> Option<HeaderValue> {
    match text {
        "" => Some(HeaderValue::from_static("")),
        text => optional(text),
    }
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
