//! The service whose tool calls are decided on.

use std::{
    mem,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use oauthgate_tower::{Finish, ResponseBody, ResponseFuture};
use tower_service::Service;

use crate::{
    AnswerBody, Decided, InspectedBody, Watched, farewell::Farewell, inspector::Inspector,
};

/// An MCP server behind a policy; [`crate::PolicyLayer`] makes it.
#[derive(Debug, Clone)]
pub struct PolicyService<S> {
    inspector: Arc<Inspector>,
    inner: S,
}

impl<S> PolicyService<S> {
    pub(crate) fn new(inspector: Arc<Inspector>, inner: S) -> Self {
        Self { inspector, inner }
    }

    /// The service behind.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, B, RB> Service<Request<B>> for PolicyService<S>
where
    S: Service<Request<InspectedBody<B>>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<ResponseBody<AnswerBody<Watched<RB>>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Unread, AnswerBody<Watched<RB>>, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = match self.inspector.let_by(request) {
            ControlFlow::Break(request) => {
                return ResponseFuture::passing(self.inner.call(request), Unread);
            }
            ControlFlow::Continue(request) => request,
        };
        // The service that was polled ready must be the one that is called; its clone may not be ready.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let inspector = Arc::clone(&self.inspector);
        ResponseFuture::working(async move {
            match inspector.inspect(request).await {
                ControlFlow::Continue((request, plan)) => {
                    let decided = request.extensions().get::<Decided>().cloned();
                    let farewell = request.extensions().get::<Farewell>().cloned();
                    let response = inner.call(request).await?;
                    let response = match farewell {
                        Some(farewell) => farewell.attend(response),
                        None => response.map(Watched::by_nobody),
                    };
                    let mut response = plan.carry_out(response).await;
                    if let Some(decided) = decided {
                        response.extensions_mut().insert(decided);
                    }
                    Ok(response)
                }
                ControlFlow::Break(response) => Ok(response.map(ResponseBody::ours)),
            }
        })
    }
}

/// Hands the answers to requests on that nobody decided on.
#[derive(Debug, Clone, Copy)]
pub struct Unread;

impl<B> Finish<B> for Unread {
    type Body = AnswerBody<Watched<B>>;

    fn finish(self, response: Response<B>) -> Response<ResponseBody<Self::Body>> {
        let unread = |body| AnswerBody::untouched(Watched::by_nobody(body));
        response.map(|body| ResponseBody::of_service(unread(body)))
    }
}
