//! Bodies on their way through, and how they fare.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, timeout_at};

use super::headers::strip_trailers;

pin_project! {
    /// A body, in either direction, whose trailers hold nothing that its headers could not.
    #[derive(Debug)]
    pub(super) struct Passing<B> {
        #[pin]
        body: B,
        upload: Option<Upload>,
    }
}

impl<B> Passing<B> {
    /// A body.
    pub(super) fn new(body: B) -> Self {
        Self { body, upload: None }
    }

    /// The body of a request, noting how it fares.
    pub(super) fn noting(body: B, upload: Upload) -> Self {
        Self {
            body,
            upload: Some(upload),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Passing<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let mut frame = ready!(this.body.poll_frame(cx));
        if let Some(upload) = this.upload {
            upload.moved();
            if matches!(frame, Some(Err(_))) {
                upload.failed.store(true, Ordering::Relaxed);
            }
        }
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            strip_trailers(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How a request's body fares. It may take as long as it likes; it is what comes after it that has a
/// limit, and a pause within it.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    began: Instant,
    /// When it last moved, in milliseconds since then.
    last: Arc<AtomicU64>,
    /// Kept here because an error of a body does not come back from an HTTP/2 connection.
    failed: Arc<AtomicBool>,
}

impl Upload {
    /// Begins now.
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
            last: Arc::default(),
            failed: Arc::default(),
        }
    }

    /// Whether the client broke it off, or sent what is no body.
    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    fn moved(&self) {
        let elapsed = self.began.elapsed().as_millis();
        self.last
            .store(elapsed.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What `future` gives, or `None` when nothing moved for so long.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let mut future = pin!(future);
        loop {
            let last = self.last.load(Ordering::Relaxed);
            let deadline = self.began + Duration::from_millis(last) + limit;
            match timeout_at(deadline, &mut future).await {
                Ok(output) => return Some(output),
                Err(_) if self.last.load(Ordering::Relaxed) == last => return None,
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http::{HeaderMap, HeaderValue};
    use http_body_util::{BodyExt, Empty, Full, StreamBody};
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        let upload = Upload::begin();
        assert_eq!(
            upload.within(LIMIT, std::future::pending::<()>()).await,
            None
        );
        assert_eq!(upload.began.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_moves_may_take_its_time() {
        let upload = Upload::begin();
        let frames = stream::unfold((), |()| async {
            sleep(Duration::from_secs(9)).await;
            Some((
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))),
                (),
            ))
        });
        let mut body = pin!(Passing::noting(StreamBody::new(frames), upload.clone()));
        let sending = async {
            for _ in 0..5 {
                body.frame().await.unwrap().unwrap();
            }
            std::future::pending::<()>().await;
        };
        assert_eq!(upload.within(LIMIT, sending).await, None);
        assert_eq!(upload.began.elapsed().as_secs(), 5 * 9 + 10);
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
