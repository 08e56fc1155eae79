//! The body of every response, counted while it is under way.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use pin_project_lite::pin_project;

use super::activity::Work;
use crate::telemetry::metrics::{Metrics, Underway};

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

pin_project! {
    /// A body, and the gauges that count it until it ends or is dropped.
    #[derive(Debug)]
    pub struct CountedBody {
        #[pin]
        body: GateBody,
        underway: Vec<Underway>,
        work: Option<Work>,
    }
}

/// Counts a response, and the work on it, until its body ends; an event stream is counted as such, too.
pub(super) fn counted(
    response: Response<GateBody>,
    request: Underway,
    work: Work,
    metrics: &Metrics,
) -> Response<CountedBody> {
    let mut underway = vec![request];
    if is_event_stream(response.headers()) {
        underway.push(Underway::of(&metrics.open_streams));
    }
    response.map(|body| CountedBody {
        body,
        underway,
        work: Some(work),
    })
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    media_type.is_some_and(|value| {
        value
            .split(';')
            .next()
            .is_some_and(|name| name.trim().eq_ignore_ascii_case("text/event-stream"))
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
        let frame = this.body.poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            this.underway.clear();
            *this.work = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
