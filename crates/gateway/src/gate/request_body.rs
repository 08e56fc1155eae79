//! The body of a request, and what becomes of it when the request is refused.
//!
//! A refusal needs no body, but its client may still be sending one, in a packet of its own. hyper closes
//! such a connection without having said so, and a client that sends its next request there (the same
//! one with a token, say) loses it. So what nobody read is read away first: a little, and not for long.
//! Where that is not enough, the answer says that the connection ends.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Version, header, request::Parts};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use oauthgate_core::Reason;
use oauthgate_tower::StoppedBody;
use tokio::time::timeout;

use super::{
    body::BodyError,
    pace::Pace,
    paced::{Impatience, Leisure, Paced},
};
use crate::telemetry::slow_peers::{SlowPeer, SlowPeers};

/// The most that is read away: more than any JSON-RPC call that a client sends before it logs in.
const MOST: u64 = 64 * 1024;
/// How long that may take.
pub(super) const LONGEST: Duration = Duration::from_secs(2);

/// Where a body lies that was dropped before its end.
type Leftover = Arc<Mutex<Option<Incoming>>>;

/// The body of a request. Dropped before its end, it leaves the rest to whoever watches.
pub struct RequestBody(Option<Coming>);

/// A body that there is.
struct Coming {
    body: Option<Paced<Incoming, TooSlow>>,
    /// Nowhere on HTTP/2.
    leftover: Option<Leftover>,
}

/// Hears that the client is too slow.
struct TooSlow {
    stopped: StoppedBody,
    slow_peers: SlowPeers,
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestBody")
            .field(&self.0.is_some())
            .finish()
    }
}

impl Impatience for TooSlow {
    fn note(&mut self) {
        self.stopped.stop(Reason::SlowRequest);
        self.slow_peers.count(SlowPeer::SlowRequest);
    }
}

/// What a request's handler may have left unread.
#[derive(Debug)]
pub(super) struct Unread {
    /// Nowhere on HTTP/2, which ends a stream without its connection.
    leftover: Option<Leftover>,
    /// Whether reading on is any use: a client that waits for `100 Continue` would send what it need not.
    readable: bool,
    stopped: StoppedBody,
    /// What an answer may grant to it.
    pub(super) leisure: Leisure,
}

/// Watches over a request's body: it must come at this pace. In the request's extensions lies why it was
/// stopped, if it was. There is nothing to watch where there is no body.
pub(super) fn watched(
    parts: &mut Parts,
    body: Incoming,
    pace: Pace,
    slow_peers: &SlowPeers,
) -> (RequestBody, Option<Unread>) {
    if body.is_end_stream() {
        return (RequestBody(None), None);
    }
    let unread = Unread {
        leftover: (parts.version < Version::HTTP_2).then(Leftover::default),
        readable: !parts.headers.contains_key(header::EXPECT),
        stopped: StoppedBody::default(),
        leisure: Leisure::default(),
    };
    parts.extensions.insert(unread.stopped.clone());
    let too_slow = TooSlow {
        stopped: unread.stopped.clone(),
        slow_peers: slow_peers.clone(),
    };
    let coming = Coming {
        body: Some(Paced::new(body, pace, unread.leisure.clone(), too_slow)),
        leftover: unread.leftover.clone(),
    };
    (RequestBody(Some(coming)), Some(unread))
}

impl Unread {
    /// Reads away what is left. Says whether the connection is good for another request.
    pub(super) async fn read_away(self) -> bool {
        if self.stopped.reason().is_some() {
            return self.leftover.is_none();
        }
        match self.leftover.as_ref().and_then(take) {
            Some(body) if self.readable => Box::pin(ends_in_time(body)).await,
            Some(_) => false,
            None => true,
        }
    }
}

fn take(leftover: &Leftover) -> Option<Incoming> {
    leftover
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
}

async fn ends_in_time(body: Incoming) -> bool {
    timeout(LONGEST, ends_within(body, MOST))
        .await
        .unwrap_or(false)
}

async fn ends_within(mut body: Incoming, most: u64) -> bool {
    let mut read = 0;
    while body.size_hint().lower().saturating_add(read) <= most {
        match body.frame().await {
            None => return true,
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => return false,
        }
    }
    false
}

impl Drop for Coming {
    fn drop(&mut self) {
        let body = self.body.take().map(Paced::into_inner);
        let left = body.filter(|body| !body.is_end_stream());
        if let (Some(left), Some(leftover)) = (left, &self.leftover) {
            *leftover.lock().unwrap_or_else(PoisonError::into_inner) = Some(left);
        }
    }
}

impl RequestBody {
    fn coming(&self) -> Option<&Paced<Incoming, TooSlow>> {
        self.0.as_ref()?.body.as_ref()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.0.as_mut().and_then(|coming| coming.body.as_mut()) {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.coming().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.coming()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
