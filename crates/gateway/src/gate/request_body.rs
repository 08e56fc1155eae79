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
use http::{Request, Version, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use oauthgate_core::Reason;
use oauthgate_tower::StoppedBody;
use tokio::time::timeout;

use super::{
    body::BodyError,
    pace::Pace,
    paced::{Leisure, Paced},
};
use crate::telemetry::slow_peers::{SlowPeer, SlowPeers};

/// The most that is read away: more than any JSON-RPC call that a client sends before it logs in.
const MOST: u64 = 64 * 1024;
/// How long that may take.
pub(super) const LONGEST: Duration = Duration::from_secs(2);

/// Where a body lies that was dropped before its end.
type Leftover = Arc<Mutex<Option<Incoming>>>;

/// Hears that the client is too slow.
type TooSlow = Box<dyn FnMut() + Send>;

/// The body of a request. Dropped before its end, it leaves the rest to whoever watches.
pub struct RequestBody {
    body: Option<Paced<Incoming, TooSlow>>,
    leftover: Leftover,
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body.is_some();
        f.debug_struct("RequestBody")
            .field("body", &body)
            .finish_non_exhaustive()
    }
}

/// What a request's handler may have left unread.
#[derive(Debug)]
pub(super) struct Unread {
    leftover: Leftover,
    /// Whether reading on is any use: HTTP/2 ends a stream without its connection, and a client that
    /// waits for `100 Continue` would send what it need not.
    readable: bool,
    stopped: StoppedBody,
    is_stream: bool,
}

/// Watches over a request's body: it must come at this pace. In the request's extensions lies why it was
/// stopped, if it was, and the [`Leisure`] that an answer may grant to it.
pub(super) fn watched(
    mut request: Request<Incoming>,
    pace: Pace,
    slow_peers: SlowPeers,
) -> (Request<RequestBody>, Unread) {
    let unread = Unread {
        leftover: Leftover::default(),
        readable: !request.headers().contains_key(header::EXPECT),
        stopped: StoppedBody::default(),
        is_stream: request.version() >= Version::HTTP_2,
    };
    let leisure = Leisure::default();
    let extensions = request.extensions_mut();
    extensions.insert(unread.stopped.clone());
    extensions.insert(leisure.clone());
    let stopped = unread.stopped.clone();
    let too_slow: TooSlow = Box::new(move || {
        stopped.stop(Reason::SlowRequest);
        slow_peers.count(SlowPeer::SlowRequest);
    });
    let leftover = match unread.is_stream {
        true => Leftover::default(),
        false => Arc::clone(&unread.leftover),
    };
    let request = request.map(|body| RequestBody {
        body: Some(Paced::new(body, pace, leisure, too_slow)),
        leftover,
    });
    (request, unread)
}

impl Unread {
    /// Reads away what is left. Says whether the connection is good for another request.
    pub(super) async fn read_away(self) -> bool {
        if self.stopped.reason().is_some() {
            return self.is_stream;
        }
        let left = self
            .leftover
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(body) = left else { return true };
        self.readable
            && timeout(LONGEST, ends_within(body, MOST))
                .await
                .unwrap_or(false)
    }
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

impl Drop for RequestBody {
    fn drop(&mut self) {
        let body = self.body.take().map(Paced::into_inner);
        let left = body.filter(|body| !body.is_end_stream());
        *self.leftover.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}
