//! What a protected service answers: its own response untouched, or a small one of ours.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use oauthgate_core::{Answer, Blame, Denial, ProtectedResource, text::Printable};
use pin_project_lite::pin_project;

use crate::{Reference, StreamDeadline, stream_expiry::ExpiringBody};

pin_project! {
    /// The body of a protected service: the service's own, streamed as it comes, or a short one of ours.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        source: Source<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = SourceProjection]
    enum Source<B> {
        Service { #[pin] body: B },
        Stream { #[pin] body: ExpiringBody<B> },
        Ours { #[pin] body: Full<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    /// The service's own body.
    pub fn of_service(body: B) -> Self {
        Self {
            source: Source::Service { body },
        }
    }

    /// A short body of ours.
    #[must_use]
    pub fn ours(body: Full<Bytes>) -> Self {
        Self {
            source: Source::Ours { body },
        }
    }
}

impl<B: Send + 'static> ResponseBody<B> {
    /// The service's response, which ends by the deadline if it is a stream of events.
    pub(crate) fn within(deadline: StreamDeadline, response: Response<B>) -> Response<Self> {
        match ExpiringBody::take_over(deadline, response) {
            Ok(stream) => stream.map(|body| Self {
                source: Source::Stream { body },
            }),
            Err(response) => response.map(Self::of_service),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().source.project() {
            SourceProjection::Service { body } => body.poll_frame(cx),
            SourceProjection::Stream { body } => body.poll_frame(cx),
            SourceProjection::Ours { body } => body.poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Service { body } => body.is_end_stream(),
            Source::Stream { body } => body.is_end_stream(),
            Source::Ours { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Service { body } => body.size_hint(),
            Source::Stream { body } => body.size_hint(),
            Source::Ours { body } => body.size_hint(),
        }
    }
}

/// The response to a refusal: status, challenge and JSON body as [`Answer`] decides, no body on `HEAD`.
/// The [`Denial`] and the [`Reference`] go into the response's extensions, for those who log and count.
#[must_use]
pub fn refusal(
    method: &Method,
    denial: Denial,
    resource: &ProtectedResource,
    reference: Reference,
) -> Response<Full<Bytes>> {
    let answer = Answer::to(&denial, resource);
    let mut response = with_body(method, answer.body(reference.as_str()).into());
    *response.status_mut() = answer.status();
    response.headers_mut().extend(answer.headers());
    response.extensions_mut().insert(denial);
    response.extensions_mut().insert(reference);
    response
}

/// The log line of a refusal, on the target `oauthgate::refusals`: reason code, reference, and what was
/// expected and found. A request without credentials is how every login begins, so it is told at debug
/// level only. Text that came from outside is escaped and cut.
pub fn log_refusal(denial: &Denial, reference: &Reference) {
    let (reason, detail) = (
        denial.code(),
        denial.detail().map(Printable).map(tracing::field::display),
    );
    if denial.reason().blame() == Blame::NoCredentials {
        tracing::debug!(target: "oauthgate::refusals", reason, detail, %reference, "request without credentials");
    } else {
        tracing::info!(target: "oauthgate::refusals", reason, detail, %reference, "request refused");
    }
}

/// A response whose `Content-Length` is the body's on every method, and whose body is absent on `HEAD` (RFC 9110 §9.3.2).
pub(crate) fn with_body(method: &Method, body: Bytes) -> Response<Full<Bytes>> {
    let length = HeaderValue::from(body.len());
    let body = if method == Method::HEAD {
        Bytes::new()
    } else {
        body
    };
    let mut response = Response::new(Full::new(body));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length);
    response
}
