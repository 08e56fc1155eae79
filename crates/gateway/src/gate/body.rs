//! The body of every response, and that there is work on its connection while it is under way.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use oauthgate_tower::Reference;
use pin_project_lite::pin_project;

use super::{activity::Work, delivery::Delivery};
use crate::telemetry::slow_peers::{self, SlowPeer};

/// What goes wrong while a body is under way; the connection ends with it.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Any body, streamed as it comes.
pub type GateBody = UnsyncBoxBody<Bytes, BodyError>;

/// A body behind one type.
pub fn boxed<B>(body: B) -> GateBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Whose answer a body is, should it be cut.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) resource: Option<Arc<str>>,
    pub(super) reference: Reference,
}

/// How much of an answer is given to an HTTP/2 stream at a time. All of a piece is kept until the client has
/// room for its last byte, and only whole pieces show how fast it takes them.
const PIECE: usize = 16 * 1024;

pin_project! {
    /// A body, and the work on it until it ends or is dropped.
    #[derive(Debug)]
    pub struct CountedBody {
        #[pin]
        body: GateBody,
        // What was too long for one piece.
        rest: Bytes,
        work: Option<Work>,
        delivery: Option<Delivery>,
        told: Told,
    }

    impl PinnedDrop for CountedBody {
        fn drop(this: Pin<&mut Self>) {
            let is_stalled = this.work.as_ref().is_some_and(Work::is_stalled)
                || this.delivery.as_ref().is_some_and(Delivery::is_stalled);
            if is_stalled {
                let resource = this.told.resource.as_deref();
                slow_peers::log_cut(SlowPeer::StalledClient.code(), resource, &this.told.reference);
            }
        }
    }
}

/// Counts the work on a response until its body ends.
pub(super) fn counted(
    response: Response<GateBody>,
    work: Work,
    told: Told,
) -> Response<CountedBody> {
    response.map(|body| CountedBody {
        body,
        rest: Bytes::new(),
        work: Some(work),
        delivery: Delivery::here(),
        told,
    })
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.project();
        if let Some(delivery) = this.delivery {
            delivery.asked();
        }
        let mut frame = match this.rest.is_empty() {
            true => ready!(this.body.poll_frame(cx)),
            false => Some(Ok(Frame::data(std::mem::take(this.rest)))),
        };
        if matches!(frame, None | Some(Err(_))) {
            *this.work = None;
        }
        if let (Some(Ok(whole)), Some(delivery)) = (&mut frame, this.delivery) {
            let data = whole.data_ref().filter(|data| data.len() > PIECE).cloned();
            if let Some(mut data) = data {
                *whole = Frame::data(data.split_to(PIECE));
                *this.rest = data;
            }
            delivery.given(whole.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    /// Asked for before the first piece only.
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
