//! The protected service.

use std::{
    mem,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use oauthgate_remote::AuthProvider;
use tower_service::Service;

use crate::{ResponseBody, ResponseFuture, StreamDeadline, guard::Guard};

/// A protected service; [`crate::ResourceServerLayer`] makes it.
#[derive(Debug)]
pub struct ResourceServer<P, S> {
    guard: Arc<Guard<P>>,
    inner: S,
}

impl<P, S> ResourceServer<P, S> {
    pub(crate) fn new(guard: Arc<Guard<P>>, inner: S) -> Self {
        Self { guard, inner }
    }

    /// The service behind.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<P, S: Clone> Clone for ResourceServer<P, S> {
    fn clone(&self) -> Self {
        Self {
            guard: Arc::clone(&self.guard),
            inner: self.inner.clone(),
        }
    }
}

impl<P, S, B, RB> Service<Request<B>> for ResourceServer<P, S>
where
    P: AuthProvider,
    S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    RB: Send + 'static,
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
        let guard = Arc::clone(&self.guard);
        ResponseFuture::new(async move {
            match guard.admit(request).await {
                ControlFlow::Continue(request) => {
                    let deadline = request.extensions().get::<StreamDeadline>().cloned();
                    let is_head = request.method() == Method::HEAD;
                    let response = inner.call(request).await?;
                    Ok(match deadline.filter(|_| !is_head) {
                        Some(deadline) => ResponseBody::within(deadline, response),
                        None => response.map(ResponseBody::of_service),
                    })
                }
                ControlFlow::Break(response) => Ok(response.map(ResponseBody::ours)),
            }
        })
    }
}
