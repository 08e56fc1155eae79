//! The service whose requests are counted.

use std::{
    mem,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{fields, layer::Counter};
use crate::{HandOn, ResponseBody, ResponseFuture};

/// A service behind limits; [`super::QuotaLayer`] makes it.
#[derive(Debug, Clone)]
pub struct QuotaService<S> {
    counter: Arc<Counter>,
    inner: S,
}

impl<S> QuotaService<S> {
    pub(super) fn new(counter: Arc<Counter>, inner: S) -> Self {
        Self { counter, inner }
    }

    /// The service behind.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, B, RB> Service<Request<B>> for QuotaService<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, HandOn, RB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled ready must be the one that is called; its clone may not be ready.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let counter = Arc::clone(&self.counter);
        ResponseFuture::working(async move {
            let (parts, body) = request.into_parts();
            let counted = match counter.count(&parts).await {
                ControlFlow::Continue(counted) => counted,
                ControlFlow::Break(response) => return Ok(response.map(ResponseBody::ours)),
            };
            let mut response = inner.call(Request::from_parts(parts, body)).await?;
            if let Some(counted) = counted {
                fields::tell(&counted, response.headers_mut());
                response.extensions_mut().insert(counted);
            }
            Ok(response.map(ResponseBody::of_service))
        })
    }
}
