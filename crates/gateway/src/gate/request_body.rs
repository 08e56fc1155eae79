//! The body of a request, and what becomes of it when the request is refused.
//!
//! A refusal needs no body, but its client may still be sending one, in a packet of its own. hyper closes
//! such a connection without having said so, and a client that sends its next request there (the same
//! one with a token, say) loses it. So what nobody read is read away first: a little, and not for long.
//! Where that is not enough, the answer says that the connection ends.

use std::{
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
use tokio::time::timeout;

/// The most that is read away: more than any JSON-RPC call that a client sends before it logs in.
const MOST: u64 = 64 * 1024;
/// How long that may take.
const LONGEST: Duration = Duration::from_secs(2);

/// Where a body lies that was dropped before its end.
type Leftover = Arc<Mutex<Option<Incoming>>>;

/// The body of a request. Dropped before its end, it leaves the rest to whoever watches.
#[derive(Debug)]
pub struct RequestBody {
    body: Option<Incoming>,
    leftover: Leftover,
}

/// What a request's handler may have left unread.
#[derive(Debug)]
pub(super) struct Unread {
    leftover: Leftover,
    /// Whether reading on is any use: HTTP/2 ends a stream without its connection, and a client that
    /// waits for `100 Continue` would send what it need not.
    readable: bool,
}

/// Watches over a request's body.
pub(super) fn watched(request: Request<Incoming>) -> (Request<RequestBody>, Unread) {
    let leftover = Leftover::default();
    let unread = Unread {
        leftover: Arc::clone(&leftover),
        readable: !request.headers().contains_key(header::EXPECT),
    };
    let is_stream = request.version() >= Version::HTTP_2;
    let request = request.map(|body| RequestBody {
        body: Some(body),
        leftover: if is_stream {
            Leftover::default()
        } else {
            leftover
        },
    });
    (request, unread)
}

impl Unread {
    /// Reads away what is left. Says whether the connection is good for another request.
    pub(super) async fn read_away(self) -> bool {
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
        let left = self.body.take().filter(|body| !body.is_end_stream());
        *self.leftover.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
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
