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

use crate::{
    Finish, ResponseBody, ResponseFuture, StreamDeadline,
    guard::{Guard, Meeting},
};

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
    type Future = ResponseFuture<S::Future, Expiring, RB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = match self.guard.meet(request) {
            Meeting::Admitted(request) => {
                let expiring = Expiring::answer_to(&request);
                return ResponseFuture::passing(self.inner.call(request), expiring);
            }
            Meeting::Answered(response) => return ResponseFuture::answered(response),
            Meeting::Unknown(request) => request,
        };
        // The service that was polled ready must be the one that is called; its clone may not be ready.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let guard = Arc::clone(&self.guard);
        ResponseFuture::working(async move {
            match guard.ask(request).await {
                ControlFlow::Continue(request) => {
                    let expiring = Expiring::answer_to(&request);
                    Ok(expiring.finish(inner.call(request).await?))
                }
                ControlFlow::Break(response) => Ok(response.map(ResponseBody::ours)),
            }
        })
    }
}

/// Ends the answer with the token, if it is a stream of events.
#[derive(Debug)]
pub struct Expiring(Option<StreamDeadline>);

impl Expiring {
    fn answer_to<B>(request: &Request<B>) -> Self {
        let has_body = request.method() != Method::HEAD;
        let deadline = has_body.then(|| request.extensions().get::<StreamDeadline>());
        Self(deadline.flatten().cloned())
    }
}

impl<B: Send + 'static> Finish<B> for Expiring {
    type Body = B;

    fn finish(self, response: Response<B>) -> Response<ResponseBody<B>> {
        match self.0 {
            Some(deadline) => ResponseBody::within(deadline, response),
            None => response.map(ResponseBody::of_service),
        }
    }
}
