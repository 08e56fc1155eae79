//! WebSockets through the gate: authorized once, then a tunnel for as long as the token is good.
//!
//! Only `websocket` is passed on. `h2c` above all is not: a client could speak HTTP/2 with the upstream
//! through the tunnel, and send requests that nobody here sees (request smuggling).

use http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header};
use http_body_util::Empty;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use oauthgate_core::{Denial, Reason};
use oauthgate_tower::{HeldPlaces, StreamDeadline};

use super::{
    client::AnswerBody,
    headers::to_client,
    hop_by_hop,
    tunnel::{self, Silence},
};
use crate::gate::{Arrival, GateBody, boxed};

const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// The client's side of a connection that is to become a WebSocket.
pub(super) struct Upgrade {
    client: OnUpgrade,
    /// The gate's places for as long as the tunnel is open, and the caller's.
    arrival: Arrival,
    held: Option<HeldPlaces>,
    deadline: Option<StreamDeadline>,
}

impl Upgrade {
    /// The upgrade that an HTTP/1.1 client asks for (RFC 6455 §4.1), taken out of the request.
    pub(super) fn asked_for<B>(request: &mut Request<B>) -> Option<Self> {
        let headers = request.headers();
        let asked = request.method() == Method::GET
            && request.version() == Version::HTTP_11
            && is_websocket(headers)
            && hop_by_hop::lists(headers, &header::CONNECTION, "upgrade");
        if !asked {
            return None;
        }
        let arrival = Arrival::of(request.extensions())?.clone();
        let held = request.extensions().get::<HeldPlaces>().cloned();
        let deadline = request.extensions().get::<StreamDeadline>().cloned();
        let client = hyper::upgrade::on(request);
        Some(Self {
            client,
            arrival,
            held,
            deadline,
        })
    }

    /// Asks the upstream for the same. Goes after the hop-by-hop headers were stripped.
    pub(super) fn ask(headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::UPGRADE, WEBSOCKET);
    }

    /// Joins both sides once the client has the upstream's 101.
    pub(super) fn connect(
        self,
        mut response: Response<AnswerBody>,
        silence: Silence,
    ) -> Result<Response<GateBody>, Denial> {
        if !is_websocket(response.headers()) {
            return Err(Denial::new(Reason::UpstreamUnreachable)
                .with_detail("the upstream switched to a protocol that nobody asked for"));
        }
        let upstream = hyper::upgrade::on(&mut response);
        let (mut parts, _) = response.into_parts();
        to_client(&mut parts.headers);
        Self::ask(&mut parts.headers);
        tokio::spawn(async move {
            tokio::select! {
                () = tunnel(self.client, upstream, self.deadline, silence) => {}
                () = self.arrival.cut() => {}
            }
            drop((self.arrival, self.held));
        });
        Ok(Response::from_parts(parts, boxed(Empty::new())))
    }
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::UPGRADE).iter();
    let only = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes());
    values.next().is_some_and(only) && values.next().is_none()
}

/// Ends when either side does, or the token, or when both were silent for too long.
async fn tunnel(
    client: OnUpgrade,
    upstream: OnUpgrade,
    deadline: Option<StreamDeadline>,
    silence: Silence,
) {
    match tokio::try_join!(client, upstream) {
        Ok((client, upstream)) => {
            let (client, upstream) = (TokioIo::new(client), TokioIo::new(upstream));
            tunnel::join(client, upstream, deadline, silence).await;
        }
        Err(error) => tracing::debug!(%error, "a connection was not upgraded"),
    }
}
