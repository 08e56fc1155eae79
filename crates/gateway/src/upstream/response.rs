//! The upstream's answer as the client gets it.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use oauthgate_core::{Denial, Reason};
use oauthgate_tower::Reference;

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
    reference: &Reference,
) -> Result<Response<GateBody>, Denial> {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let mut response = match (switches, upgrade) {
        (true, Some(upgrade)) => upgrade.connect(response)?,
        (true, None) => {
            return Err(Denial::new(Reason::UpstreamUnreachable)
                .with_detail("the upstream switched protocols unasked"));
        }
        (false, _) => plain(response, destination, reference),
    };
    *response.version_mut() = Version::default();
    response.extensions_mut().clear();
    Ok(response)
}

fn plain(
    response: Response<Incoming>,
    destination: &Destination,
    reference: &Reference,
) -> Response<GateBody> {
    if response.status() == StatusCode::UNAUTHORIZED {
        note_unauthorized(destination, reference);
    }
    let mut response = response.map(|body| watched(body, destination, reference));
    to_client(response.headers_mut());
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        publish(response.headers_mut(), &name, destination);
    }
    response
}

/// The gate's tokens end at the gate, so no login of the client's can help: somebody must tell the
/// upstream to trust the gate's headers. Its challenge does not reach the client (see [`to_client`]).
fn note_unauthorized(destination: &Destination, reference: &Reference) {
    tracing::warn!(
        upstream = %destination.authority(),
        %reference,
        "the upstream answered 401 to an authorized request: it asks for credentials of its own"
    );
}

/// The access line is written by then, so an answer that breaks off gets a line of its own. A client that
/// leaves drops the body, and is no failure.
fn watched(body: Incoming, destination: &Destination, reference: &Reference) -> GateBody {
    let (upstream, reference) = (destination.authority().clone(), reference.clone());
    let body = body.map_err(move |error| {
        tracing::warn!(%upstream, %reference, %error, "the upstream broke off its answer");
        error
    });
    boxed(Passing::new(body))
}

/// Replaces an address of the upstream by its public form.
fn publish(headers: &mut HeaderMap, name: &HeaderName, destination: &Destination) {
    let written = headers.get(name).and_then(|value| value.to_str().ok());
    let public = written.and_then(|location| destination.public(location));
    if let Some(public) = public.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(name, public);
    }
}
