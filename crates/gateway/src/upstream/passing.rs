//! Bodies on their way through, and how they fare.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use oauthgate_core::{Denial, Reason};
use oauthgate_tower::StoppedBody;
use pin_project_lite::pin_project;
use tokio::time::timeout_at;

use super::{headers::strip_trailers, movement::Movement};
use crate::gate::BodyError;

pin_project! {
    /// A body, in either direction, whose trailers hold nothing that its headers could not.
    #[derive(Debug)]
    pub(super) struct Passing<B> {
        #[pin]
        body: B,
        upload: Option<(Upload, u64)>,
    }
}

/// It is longer than the operator allows.
#[derive(Debug, thiserror::Error)]
#[error("the body is longer than OAUTHGATE_MAX_BODY_BYTES")]
struct TooLong;

impl<B> Passing<B> {
    /// A body.
    pub(super) fn new(body: B) -> Self {
        Self { body, upload: None }
    }

    /// The body of a request, noting how it fares; of so many bytes at the most.
    pub(super) fn noting(body: B, upload: Upload, most: u64) -> Self {
        Self {
            body,
            upload: Some((upload, most)),
        }
    }
}

impl<B> Body for Passing<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.project();
        let frame = this.body.poll_frame(cx).map_err(Into::into);
        let mut frame = match this.upload {
            Some((upload, left)) => upload.noted(frame, left),
            None => frame,
        };
        if let Poll::Ready(Some(Ok(frame))) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            strip_trailers(trailers);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How a request's body fares. How long it may take is others' to say; it is what comes after it that has a
/// limit here, and how long the upstream takes nothing of what is there.
#[derive(Debug, Clone)]
pub(super) struct Upload(Arc<Underway>);

#[derive(Debug)]
struct Underway {
    movement: Movement,
    /// Whether the client is to send the next piece, so that nothing is the upstream's fault.
    is_awaited: AtomicBool,
    /// Kept here because an error of a body does not come back from an HTTP/2 connection.
    stopped: StoppedBody,
}

impl Upload {
    /// Begins now. Who stops the body says there why.
    pub(super) fn begin(stopped: StoppedBody) -> Self {
        Self(Arc::new(Underway {
            movement: Movement::begin(),
            is_awaited: AtomicBool::default(),
            stopped,
        }))
    }

    /// Why the body did not come to its end, when it was not the upstream that gave up.
    pub(super) fn failure(&self) -> Option<Denial> {
        let denial = Denial::new(self.0.stopped.reason()?);
        Some(match denial.reason() {
            Reason::MalformedRequest => {
                denial.with_detail("the request's body is broken or ends too early")
            }
            _ => denial,
        })
    }

    fn noted(
        &self,
        frame: Poll<Option<Result<Frame<Bytes>, BodyError>>>,
        left: &mut u64,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0
            .is_awaited
            .store(frame.is_pending(), Ordering::Relaxed);
        if frame.is_ready() {
            self.0.movement.moved();
        }
        match frame {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                let Some(rest) = left.checked_sub(bytes) else {
                    self.0.stopped.stop(Reason::BodyTooLarge);
                    return Poll::Ready(Some(Err(TooLong.into())));
                };
                *left = rest;
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                // Unless somebody knows better.
                self.0.stopped.stop(Reason::MalformedRequest);
                Poll::Ready(Some(Err(error)))
            }
            other => other,
        }
    }

    /// What `future` gives, or `None` when nothing moved for so long and it was not the client's turn.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let mut future = pin!(future);
        loop {
            let deadline = self.0.movement.last() + limit;
            match timeout_at(deadline, &mut future).await {
                Ok(output) => return Some(output),
                // Its turn ends with a movement.
                Err(_) if self.0.is_awaited.load(Ordering::Relaxed) => self.0.movement.moved(),
                Err(_) if self.0.movement.last() + limit <= deadline => return None,
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, io};

    use futures_util::stream;
    use http::{HeaderMap, HeaderValue};
    use http_body_util::{BodyExt, Empty, Full, StreamBody};
    use tokio::time::{Instant, sleep};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn begun() -> Upload {
        Upload::begin(StoppedBody::default())
    }

    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        let started = Instant::now();
        let upload = begun();
        assert_eq!(
            upload.within(LIMIT, std::future::pending::<()>()).await,
            None
        );
        assert_eq!(started.elapsed().as_secs(), 10);
    }

    /// So many pieces, one every so many seconds, and then nothing more.
    fn coming(pieces: u32, seconds: u64) -> impl Body<Data = Bytes, Error = Infallible> {
        let frames = stream::unfold(0, move |sent| async move {
            if sent == pieces {
                return std::future::pending().await;
            }
            sleep(Duration::from_secs(seconds)).await;
            Some((Ok(Frame::data(Bytes::from_static(b"x"))), sent + 1))
        });
        StreamBody::new(frames)
    }

    /// Reads the body as an upstream does, and then thinks.
    async fn read(body: impl Body<Data = Bytes, Error = BodyError>, pieces: u32) {
        let mut body = pin!(body);
        for _ in 0..pieces {
            body.frame().await.unwrap().unwrap();
        }
        std::future::pending::<()>().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_may_take_its_time_and_the_upstream_has_its_own() {
        let (upload, started) = (begun(), Instant::now());
        let body = Passing::noting(coming(5, 100), upload.clone(), u64::MAX);
        assert_eq!(upload.within(LIMIT, read(body, 5)).await, None);
        assert_eq!(started.elapsed().as_secs(), 5 * 100 + 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_waits_for_the_client_is_not_blamed() {
        let upload = begun();
        let body = Passing::noting(coming(1, 1), upload.clone(), u64::MAX);
        let waiting = upload.within(LIMIT, read(body, 2));
        let end = tokio::time::timeout(100 * LIMIT, waiting).await;
        assert!(end.is_err());
    }

    #[tokio::test]
    async fn f21_a_body_passes_up_to_its_limit() {
        for (pieces, reason) in [(3, None), (4, Some(Reason::BodyTooLarge))] {
            let upload = begun();
            let piece = |_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"12345")));
            let sent = stream::iter((0..pieces).map(piece));
            let body = Passing::noting(StreamBody::new(sent), upload.clone(), 15);
            assert_eq!(body.collect().await.is_err(), reason.is_some());
            let failure = upload.failure();
            assert_eq!(failure.map(|denial| denial.reason()), reason);
        }
    }

    #[tokio::test]
    async fn who_stopped_a_body_knows_better_than_its_error() {
        for (told, reason) in [
            (None, Reason::MalformedRequest),
            (Some(Reason::SlowRequest), Reason::SlowRequest),
        ] {
            let upload = begun();
            told.into_iter()
                .for_each(|reason| upload.0.stopped.stop(reason));
            let sent = stream::iter([Err::<Frame<Bytes>, _>(io::Error::other("gone"))]);
            let body = Passing::noting(StreamBody::new(sent), upload.clone(), 15);
            body.collect().await.unwrap_err();
            assert_eq!(upload.failure().unwrap().reason(), reason);
        }
    }

    #[tokio::test]
    async fn f8_identity_in_trailers_is_stripped() {
        let mut trailers = HeaderMap::new();
        for name in ["x-auth-request-user", "x_auth_tenant", "x-checksum"] {
            trailers.insert(name, HeaderValue::from_static("1"));
        }
        let frames = stream::iter([Ok::<_, Infallible>(Frame::trailers(trailers))]);
        let body = Passing::new(StreamBody::new(frames));
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap();
        let names: Vec<_> = trailers.keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["x-checksum"]);
    }

    #[test]
    fn the_length_of_a_body_stays_known() {
        let full = Passing::new(Full::new(Bytes::from_static(b"four")));
        assert_eq!(full.size_hint().exact(), Some(4));
        assert!(Passing::new(Empty::<Bytes>::new()).is_end_stream());
    }
}
