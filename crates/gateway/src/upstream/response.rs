//! The upstream's answer as the client gets it.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use oauthgate_core::{Denial, Reason};

use super::{destination::Destination, headers::to_client, passing::Passing, upgrade::Upgrade};
use crate::gate::{GateBody, boxed};

/// The answer, streamed as it comes; after a switch of protocols, the tunnel is open.
///
/// # Errors
/// [`Reason::UpstreamUnreachable`] when the upstream switched to a protocol that nobody asked for.
pub(super) fn finished(
    response: Response<Incoming>,
    upgrade: Option<Upgrade>,
    destination: &Destination,
) -> Result<Response<GateBody>, Denial> {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let mut response = match (switches, upgrade) {
        (true, Some(upgrade)) => upgrade.connect(response)?,
        (true, None) => {
            return Err(Denial::new(Reason::UpstreamUnreachable)
                .with_detail("the upstream switched protocols unasked"));
        }
        (false, _) => plain(response, destination),
    };
    *response.version_mut() = Version::default();
    response.extensions_mut().clear();
    Ok(response)
}

fn plain(response: Response<Incoming>, destination: &Destination) -> Response<GateBody> {
    note_unauthorized(&response, destination);
    let mut response = response.map(|body| boxed(Passing::new(body)));
    to_client(response.headers_mut());
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        publish(response.headers_mut(), &name, destination);
    }
    response
}

/// The gate's tokens end at the gate, so no login of the client's can help: somebody must tell the
/// upstream to trust the gate's headers. Its challenge does not reach the client (see [`to_client`]).
fn note_unauthorized(response: &Response<Incoming>, destination: &Destination) {
    if response.status() == StatusCode::UNAUTHORIZED {
        tracing::warn!(
            upstream = %destination.authority(),
            challenge = response.headers().contains_key(header::WWW_AUTHENTICATE),
            "the upstream answered 401 to an authorized request: it asks for credentials of its own"
        );
    }
}

/// Replaces an address of the upstream by its public form.
fn publish(headers: &mut HeaderMap, name: &HeaderName, destination: &Destination) {
    let written = headers.get(name).and_then(|value| value.to_str().ok());
    let public = written.and_then(|location| destination.public(location));
    if let Some(public) = public.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(name, public);
    }
}
