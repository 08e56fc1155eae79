//! The future of a protected service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;

use crate::ResponseBody;

type Outcome<B, E> = Result<Response<ResponseBody<B>>, E>;

/// The response to come. One allocation per request: the provider's future has no name to store it under.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture<B, E> {
    work: Pin<Box<dyn Future<Output = Outcome<B, E>> + Send>>,
}

impl<B, E> ResponseFuture<B, E> {
    /// The response that this work comes to.
    pub fn new(work: impl Future<Output = Outcome<B, E>> + Send + 'static) -> Self {
        Self {
            work: Box::pin(work),
        }
    }
}

impl<B, E> Future for ResponseFuture<B, E> {
    type Output = Outcome<B, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.work.as_mut().poll(cx)
    }
}

impl<B, E> fmt::Debug for ResponseFuture<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
