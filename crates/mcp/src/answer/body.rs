//! The body of an answer.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::events::SiftedEvents;
use crate::InspectedBody;

pin_project! {
    /// What the caller gets: the server's bytes as they come, an answer that was read before the caller saw it, or
    /// an event stream that is read on its way.
    #[derive(Debug)]
    pub struct AnswerBody<B> {
        #[pin]
        source: Source<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = SourceProjection]
    enum Source<B> {
        Whole { #[pin] body: InspectedBody<B> },
        Events { #[pin] events: SiftedEvents<B> },
    }
}

impl<B> AnswerBody<B> {
    pub(crate) fn untouched(body: B) -> Self {
        Self {
            source: Source::Whole {
                body: InspectedBody::untouched(body),
            },
        }
    }

    pub(super) fn read(bytes: Bytes) -> Self {
        Self {
            source: Source::Whole {
                body: InspectedBody::read(bytes),
            },
        }
    }

    pub(super) fn events(events: SiftedEvents<B>) -> Self {
        Self {
            source: Source::Events { events },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().source.project() {
            SourceProjection::Whole { body } => body.poll_frame(cx),
            SourceProjection::Events { events } => events.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole { body } => body.is_end_stream(),
            Source::Events { events } => events.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole { body } => body.size_hint(),
            Source::Events { .. } => SizeHint::default(),
        }
    }
}
