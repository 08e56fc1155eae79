//! The future of a service behind a layer.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use pin_project_lite::pin_project;

use crate::ResponseBody;

type Outcome<B, E> = Result<Response<ResponseBody<B>>, E>;
type Work<B, E> = Pin<Box<dyn Future<Output = Outcome<B, E>> + Send>>;

/// What a layer does with the response of the service behind it.
pub trait Finish<B> {
    /// The body that the response has then, if it is not one of ours.
    type Body;

    /// The response as it goes on.
    fn finish(self, response: Response<B>) -> Response<ResponseBody<Self::Body>>;
}

/// Hands responses on as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct HandOn;

impl<B> Finish<B> for HandOn {
    type Body = B;

    fn finish(self, response: Response<B>) -> Response<ResponseBody<B>> {
        response.map(ResponseBody::of_service)
    }
}

pin_project! {
    /// The response to come: the inner service's, which nothing is allocated for, an answer that is there already,
    /// or what work in between comes to, which has no name to store it under.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, T, B, E> {
        #[pin]
        state: State<F, T, B, E>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, T, B, E> {
        Passing { #[pin] response: F, finish: Option<T> },
        Answered { answer: Option<Box<Response<Full<Bytes>>>> },
        Working { work: Work<B, E> },
    }
}

impl<F, T, B, E> ResponseFuture<F, T, B, E> {
    /// The inner service's response, and what is done with it.
    pub fn passing(response: F, finish: T) -> Self {
        let finish = Some(finish);
        Self {
            state: State::Passing { response, finish },
        }
    }

    /// This answer of ours.
    pub fn answered(answer: Response<Full<Bytes>>) -> Self {
        let answer = Some(Box::new(answer));
        Self {
            state: State::Answered { answer },
        }
    }

    /// The response that this work comes to.
    pub fn working(work: impl Future<Output = Outcome<B, E>> + Send + 'static) -> Self {
        let work: Work<B, E> = Box::pin(work);
        Self {
            state: State::Working { work },
        }
    }
}

impl<F, T, RB, B, E> Future for ResponseFuture<F, T, B, E>
where
    F: Future<Output = Result<Response<RB>, E>>,
    T: Finish<RB, Body = B>,
{
    type Output = Outcome<B, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passing { response, finish } => {
                let response = ready!(response.poll(cx))?;
                match finish.take() {
                    Some(finish) => Poll::Ready(Ok(finish.finish(response))),
                    None => Poll::Pending,
                }
            }
            StateProjection::Answered { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.map(ResponseBody::ours))),
                None => Poll::Pending,
            },
            StateProjection::Working { work } => work.as_mut().poll(cx),
        }
    }
}

impl<F, T, B, E> fmt::Debug for ResponseFuture<F, T, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
