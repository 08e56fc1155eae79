//! The service whose sessions are bound.

use std::{
    fmt, mem,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use oauthgate_tower::{ResponseBody, ResponseFuture};
use tower_service::Service;

use super::binding::Binding;

/// An MCP server whose sessions belong to whoever opened them; [`super::SessionBindingLayer`] makes it.
#[derive(Clone)]
pub struct SessionBindingService<S> {
    binding: Arc<Binding>,
    inner: S,
}

impl<S> SessionBindingService<S> {
    pub(super) fn new(binding: Arc<Binding>, inner: S) -> Self {
        Self { binding, inner }
    }

    /// The service behind.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: fmt::Debug> fmt::Debug for SessionBindingService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBindingService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, B, RB> Service<Request<B>> for SessionBindingService<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = S::Error;
    type Future = ResponseFuture<RB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled ready must be the one that is called; its clone may not be ready.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let binding = Arc::clone(&self.binding);
        ResponseFuture::new(async move {
            let (mut parts, body) = request.into_parts();
            let answering = match binding.admit(&mut parts) {
                ControlFlow::Continue(answering) => answering,
                ControlFlow::Break(response) => return Ok(response.map(ResponseBody::ours)),
            };
            let mut response = inner.call(Request::from_parts(parts, body)).await?;
            binding.rewrite(&answering, response.headers_mut());
            Ok(response.map(ResponseBody::of_service))
        })
    }
}
