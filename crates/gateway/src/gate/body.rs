//! The bodies of responses, and that there is work on a connection while one is under way.

use std::{
    any::Any,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use oauthgate_tower::Reference;
use pin_project_lite::pin_project;

use super::{activity::Work, arrival::Arrival, delivery::Delivery, site::ServedBody};
use crate::telemetry::slow_peers::{self, SlowPeer};

/// What goes wrong while a body is under way; the connection ends with it.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Any body, streamed as it comes.
#[derive(Debug)]
pub struct GateBody(Option<UnsyncBoxBody<Bytes, BodyError>>);

/// A body behind one type. One that is behind it already stays as it is, and one that is over takes no memory.
pub fn boxed<B>(body: B) -> GateBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    if body.is_end_stream() {
        return GateBody(None);
    }
    let mut body = Some(body);
    let slot: &mut dyn Any = &mut body;
    if let Some(boxed) = slot.downcast_mut::<Option<GateBody>>() {
        return GateBody(boxed.take().and_then(|body| body.0));
    }
    GateBody(body.map(|body| body.map_err(Into::into).boxed_unsync()))
}

impl Body for GateBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

pin_project! {
    /// The body of an answer: our own words, or what stands behind a resource said.
    #[project = AnswerProjection]
    pub(super) enum AnswerBody {
        Ours { #[pin] body: Full<Bytes> },
        Served { #[pin] body: ServedBody },
    }
}

impl AnswerBody {
    pub(super) fn ours(body: Full<Bytes>) -> Self {
        Self::Ours { body }
    }

    pub(super) fn served(body: ServedBody) -> Self {
        Self::Served { body }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.project() {
            AnswerProjection::Ours { body } => body.poll_frame(cx).map_err(|never| match never {}),
            AnswerProjection::Served { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Ours { body } => body.is_end_stream(),
            Self::Served { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ours { body } => body.size_hint(),
            Self::Served { body } => body.size_hint(),
        }
    }
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
    /// A body, and what lasts until it ends or is dropped: its request's place, and the work on it.
    pub struct CountedBody {
        #[pin]
        body: AnswerBody,
        // What was too long for one piece.
        rest: Bytes,
        held: Option<Arrival>,
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
    response: Response<AnswerBody>,
    held: Option<Arrival>,
    work: Work,
    told: Told,
) -> Response<CountedBody> {
    response.map(|body| CountedBody {
        body,
        rest: Bytes::new(),
        held,
        work: Some(work),
        delivery: Delivery::here(),
        told,
    })
}

impl fmt::Debug for CountedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountedBody")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
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
            *this.held = None;
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
