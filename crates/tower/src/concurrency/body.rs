//! The body of a response, which holds the places of its request.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body, and the places of its request until it ends or is dropped.
    pub struct PlacedBody<B> {
        #[pin]
        body: B,
        held: Option<Arc<dyn Send + Sync>>,
    }
}

impl<B> PlacedBody<B> {
    /// A body that holds this while it is under way.
    pub fn new<T: Send + Sync + 'static>(body: B, held: Arc<T>) -> Self {
        Self {
            body,
            held: Some(held),
        }
    }
}

impl<B: Body> Body for PlacedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = this.body.poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            *this.held = None;
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

impl<B: fmt::Debug> fmt::Debug for PlacedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlacedBody")
            .field("body", &self.body)
            .field("is_held", &self.held.is_some())
            .finish()
    }
}
