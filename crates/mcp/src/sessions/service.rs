//! The service whose sessions are bound.

use std::{
    fmt,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use oauthgate_tower::{Finish, ResponseBody, ResponseFuture};
use tower_service::Service;

use super::binding::{Answering, Binding};

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
    type Future = ResponseFuture<S::Future, Rewriting, RB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        match self.binding.admit(&mut parts) {
            ControlFlow::Continue(answering) => {
                let binding = Arc::clone(&self.binding);
                let response = self.inner.call(Request::from_parts(parts, body));
                ResponseFuture::passing(response, Rewriting { binding, answering })
            }
            ControlFlow::Break(response) => ResponseFuture::answered(response),
        }
    }
}

/// Tells the client its own id of the session.
pub struct Rewriting {
    binding: Arc<Binding>,
    answering: Answering,
}

impl<B> Finish<B> for Rewriting {
    type Body = B;

    fn finish(self, mut response: Response<B>) -> Response<ResponseBody<B>> {
        self.binding
            .rewrite(&self.answering, response.headers_mut());
        response.map(ResponseBody::of_service)
    }
}

impl fmt::Debug for Rewriting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewriting").finish_non_exhaustive()
    }
}
