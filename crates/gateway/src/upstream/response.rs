//! The upstream's answer as the client gets it.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::BodyExt;
use oauthgate_core::{Denial, Reason};
use oauthgate_tower::{Reference, StoppedBody};

use super::{
    client::AnswerBody, destination::Destination, headers::to_client, passing::Passing,
    tunnel::Silence, upgrade::Upgrade,
};
use crate::{
    gate::{Arrival, GateBody, Leisure, Pace, Paced, boxed, of_headers},
    telemetry::slow_peers::{SlowPeer, SlowPeers, log_cut},
};

/// How long an answer's head may be, and how long an answer may be silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerLimits {
    pub(super) head_bytes: usize,
    /// Within a body that is no stream.
    pub(super) pause: Duration,
    /// Within a tunnel.
    pub(super) tunnel_idle: Option<Duration>,
}

/// What is known of an answer before it comes.
pub(super) struct Answering<'a> {
    destination: &'a Destination,
    reference: &'a Reference,
    limits: AnswerLimits,
    slow_peers: SlowPeers,
    arrival: Option<Arrival>,
    /// Why the request's body was stopped, if it has one.
    stopped: Option<StoppedBody>,
    /// The resource's name.
    resource: &'a Arc<str>,
}

impl<'a> Answering<'a> {
    /// The answer to a request.
    pub(super) fn of<B>(
        request: &Request<B>,
        destination: &'a Destination,
        reference: &'a Reference,
        limits: AnswerLimits,
        resource: &'a Arc<str>,
    ) -> Self {
        let extensions = request.extensions();
        let slow_peers = Arrival::of(extensions).map(|arrival| arrival.passage().slow_peers());
        Self {
            destination,
            reference,
            limits,
            slow_peers: slow_peers.unwrap_or_default(),
            arrival: Arrival::of(extensions).cloned(),
            stopped: extensions.get().cloned(),
            resource,
        }
    }

    /// The answer, streamed as it comes; after a switch of protocols, the tunnel is open.
    ///
    /// # Errors
    /// [`Reason::UpstreamUnreachable`] when the answer's head is too long, or the upstream switched to a protocol
    /// that nobody asked for.
    pub(super) fn finish(
        self,
        response: Response<AnswerBody>,
        upgrade: Option<Upgrade>,
    ) -> Result<Response<GateBody>, Denial> {
        if of_headers(response.headers()) > self.limits.head_bytes {
            let detail =
                "the head of its answer is longer than OAUTHGATE_MAX_RESPONSE_HEADER_BYTES";
            return Err(Denial::new(Reason::UpstreamUnreachable).with_detail(detail));
        }
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let mut response = match (switches, upgrade) {
            (true, Some(upgrade)) => {
                let silence = Silence {
                    longest: self.limits.tunnel_idle,
                    slow_peers: self.slow_peers,
                };
                upgrade.connect(response, silence)?
            }
            (true, None) => {
                return Err(Denial::new(Reason::UpstreamUnreachable)
                    .with_detail("the upstream switched protocols unasked"));
            }
            (false, _) => self.plain(response),
        };
        *response.version_mut() = Version::default();
        response.extensions_mut().clear();
        Ok(response)
    }

    fn plain(self, response: Response<AnswerBody>) -> Response<GateBody> {
        if response.status() == StatusCode::UNAUTHORIZED {
            note_unauthorized(self.destination, self.reference);
        }
        let is_stream = is_stream(response.headers());
        if is_stream {
            // Whoever answers by a stream may be talking with its client.
            if let Some(arrival) = &self.arrival {
                arrival.grant_leisure();
            }
        }
        let destination = self.destination;
        let mut response = response.map(|body| self.watched(body, is_stream));
        to_client(response.headers_mut());
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            publish(response.headers_mut(), &name, destination);
        }
        response
    }

    /// The access line is written by then, so an answer that breaks off gets a line of its own. A client that
    /// leaves drops the body, and is no failure; one that spoils its own request ends the upstream's side, and that
    /// is not the upstream's.
    fn watched(self, body: AnswerBody, is_stream: bool) -> GateBody {
        let pace = Pace {
            pause: self.limits.pause,
            rate: None,
        };
        let leisure = Leisure::default();
        if is_stream {
            leisure.grant();
        }
        let slow_peers = self.slow_peers;
        let body = Paced::new(body, pace, leisure, move || {
            slow_peers.count(SlowPeer::StalledUpstream);
        });
        let (upstream, reference) = (self.destination.authority().clone(), self.reference.clone());
        let (stopped, resource) = (self.stopped, Arc::clone(self.resource));
        let body = body.map_err(move |error| {
            match stopped.as_ref().and_then(StoppedBody::reason) {
                Some(reason) => log_cut(reason.code(), Some(&resource), &reference),
                None => {
                    tracing::warn!(%upstream, %reference, %error, "the upstream broke off its answer");
                }
            }
            error
        });
        boxed(Passing::new(body))
    }
}

/// Whether silence is no sign of trouble in such an answer: its parts come when there is something to say.
fn is_stream(headers: &HeaderMap) -> bool {
    const STREAMS: [&str; 8] = [
        "text/event-stream",
        "multipart/x-mixed-replace",
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/json-seq",
        "application/grpc",
    ];
    /// Whatever its messages are written in.
    const GRPC: &str = "application/grpc+";
    let value = headers.get(header::CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.map(str::trim).is_some_and(|essence| {
        let is = |known: &&str| essence.eq_ignore_ascii_case(known);
        let family = essence.get(..GRPC.len());
        STREAMS.iter().any(is) || family.is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
    })
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

/// Replaces an address of the upstream by its public form.
fn publish(headers: &mut HeaderMap, name: &HeaderName, destination: &Destination) {
    let written = headers.get(name).and_then(|value| value.to_str().ok());
    let public = written.and_then(|location| destination.public(location));
    if let Some(public) = public.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(name, public);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("text/event-stream", true)]
    #[case("Text/Event-Stream; charset=utf-8", true)]
    #[case("application/grpc+proto", true)]
    #[case("multipart/x-mixed-replace; boundary=x", true)]
    #[case("application/json", false)]
    #[case("application/grpc-web", false)]
    #[case("text/event-stream-like", false)]
    fn streams_are_known_by_their_media_type(#[case] media_type: &str, #[case] expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        assert_eq!(is_stream(&headers), expected);
    }
}
