//! The service whose callers have so many places.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full as FullBody;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Claim, Claims, HeldPlaces, PlacedBody, Stay, layer::Desk};
use crate::{Reference, ResponseBody};

/// A service whose callers have so many places; [`super::ConcurrencyLayer`] makes it.
pub struct Concurrency<C, S> {
    desk: Arc<Desk<C>>,
    inner: S,
}

impl<C, S> Concurrency<C, S> {
    pub(super) fn new(desk: Arc<Desk<C>>, inner: S) -> Self {
        Self { desk, inner }
    }

    /// The service behind.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<C, S, B, RB> Service<Request<B>> for Concurrency<C, S>
where
    C: Claims,
    S: Service<Request<B>, Response = Response<RB>>,
{
    type Response = Response<ResponseBody<PlacedBody<RB>>>;
    type Error = S::Error;
    type Future = ConcurrencyFuture<C, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let claims = self.desk.claims.claims(&parts);
        let stay = match Stay::begin(&parts, claims) {
            Ok(stay) => Arc::new(stay),
            Err(full) => {
                let answer = self.desk.refuse(&parts, full.room.refusal(full.kind));
                return ConcurrencyFuture::refused(answer);
            }
        };
        HeldPlaces::hold(&mut parts.extensions, Arc::clone(&stay));
        let waiting = Waiting {
            desk: Arc::clone(&self.desk),
            stay,
            method: parts.method.clone(),
            reference: parts.extensions.get::<Reference>().cloned(),
        };
        let response = self.inner.call(Request::from_parts(parts, body));
        ConcurrencyFuture::waiting(response, waiting)
    }
}

pin_project! {
    /// The response to come. Dropped before, it gives the request's places back.
    #[must_use = "futures do nothing unless polled"]
    pub struct ConcurrencyFuture<C, F>
    where
        C: Claims,
    {
        #[pin]
        state: State<C, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<C, F>
    where
        C: Claims,
    {
        Refused { answer: Option<Response<FullBody<Bytes>>> },
        Waiting { #[pin] response: F, waiting: Option<Waiting<C>> },
    }
}

/// What is needed once there is a response.
struct Waiting<C: Claims> {
    desk: Arc<Desk<C>>,
    stay: Arc<Stay<Claim<C::Key>>>,
    method: Method,
    reference: Option<Reference>,
}

impl<C: Claims> Waiting<C> {
    /// Hands on the answer with its places, or drops it.
    fn settle<B>(self, response: Response<B>) -> Response<ResponseBody<PlacedBody<B>>> {
        let Err(full) = self.stay.settle(&response) else {
            let placed = |body| ResponseBody::of_service(PlacedBody::new(body, self.stay));
            return response.map(placed);
        };
        drop(response);
        let denial = full.room.refusal(full.kind);
        let reference = self.reference.unwrap_or_else(Reference::random);
        let answer = self.desk.answer(&self.method, denial, reference);
        answer.map(ResponseBody::ours)
    }
}

impl<C: Claims, F> ConcurrencyFuture<C, F> {
    fn refused(answer: Response<FullBody<Bytes>>) -> Self {
        let answer = Some(answer);
        Self {
            state: State::Refused { answer },
        }
    }

    fn waiting(response: F, waiting: Waiting<C>) -> Self {
        let waiting = Some(waiting);
        Self {
            state: State::Waiting { response, waiting },
        }
    }
}

impl<C, F, B, E> Future for ConcurrencyFuture<C, F>
where
    C: Claims,
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<PlacedBody<B>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Refused { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.map(ResponseBody::ours))),
                None => Poll::Pending,
            },
            StateProjection::Waiting { response, waiting } => {
                // A response that failed holds nothing: its places go with what is left here.
                let response = ready!(response.poll(cx));
                match (response, waiting.take()) {
                    (Ok(response), Some(waiting)) => Poll::Ready(Ok(waiting.settle(response))),
                    (Err(error), _) => Poll::Ready(Err(error)),
                    (Ok(_), None) => Poll::Pending,
                }
            }
        }
    }
}

impl<C, S: Clone> Clone for Concurrency<C, S> {
    fn clone(&self) -> Self {
        Self {
            desk: Arc::clone(&self.desk),
            inner: self.inner.clone(),
        }
    }
}

impl<C, S: fmt::Debug> fmt::Debug for Concurrency<C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concurrency")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<C: Claims, F> fmt::Debug for ConcurrencyFuture<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyFuture").finish_non_exhaustive()
    }
}
