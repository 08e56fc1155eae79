//! A body whose sender must go on sending it.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    body::BodyError,
    pace::{Pace, Purse},
};

/// A body that fails when its sender takes too long. Nobody is waited for while nobody asks for a piece.
#[derive(Debug)]
pub(crate) struct Paced<B, F> {
    body: B,
    purse: Purse,
    /// Boxed, so that the body may move; there since the first wait.
    deadline: Option<Pin<Box<Sleep>>>,
    leisure: Leisure,
    /// Hears of it before the body fails.
    too_slow: F,
}

/// Whether a sender may take as long as it likes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leisure(Arc<AtomicBool>);

/// Hears that a sender took too long.
pub(crate) trait Impatience {
    /// It did.
    fn note(&mut self);
}

impl<F: FnMut()> Impatience for F {
    fn note(&mut self) {
        self();
    }
}

/// Its sender took too long.
#[derive(Debug, thiserror::Error)]
#[error("the rest of the body did not come in time")]
pub(crate) struct TooSlow;

impl Leisure {
    /// From now on it may.
    pub(crate) fn grant(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_granted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<B, F: Impatience> Paced<B, F> {
    /// Lets the sender pause as the pace says, and tells `too_slow` when it takes longer.
    pub(crate) fn new(body: B, pace: Pace, leisure: Leisure, too_slow: F) -> Self {
        Self {
            body,
            purse: Purse::new(pace),
            deadline: None,
            leisure,
            too_slow,
        }
    }

    /// The body as it is, without its clock.
    pub(super) fn into_inner(self) -> B {
        self.body
    }

    /// Ready when it took too long.
    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.leisure.is_granted() {
            return Poll::Pending;
        }
        let until = self.purse.wait(Instant::now());
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        if deadline.deadline() != until {
            deadline.as_mut().reset(until);
        }
        deadline.as_mut().poll(cx)
    }
}

impl<B, F> Body for Paced<B, F>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
    F: Impatience + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let data = frame
                    .as_ref()
                    .and_then(|frame| frame.as_ref().ok()?.data_ref());
                self.purse.moved(Instant::now, data.map_or(0, Bytes::len));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                ready!(self.waits(cx));
                self.too_slow.note();
                Poll::Ready(Some(Err(TooSlow.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, num::NonZeroU32, time::Duration};

    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};
    use tokio::time::{sleep, timeout};

    use super::*;

    const PACE: Pace = Pace {
        pause: Duration::from_secs(60),
        rate: NonZeroU32::new(100),
    };

    /// So many pieces of this length, so many seconds apart.
    fn coming(
        pieces: usize,
        length: usize,
        seconds: u64,
    ) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let frames = stream::unfold(0, move |sent| async move {
            sleep(Duration::from_secs(seconds)).await;
            let piece = || Frame::data(Bytes::from(vec![b'x'; length]));
            (sent < pieces).then(|| (Ok(piece()), sent + 1))
        });
        StreamBody::new(Box::pin(frames))
    }

    async fn fares(body: impl Body<Data = Bytes, Error = Infallible> + Unpin) -> (bool, u64) {
        let begun = Instant::now();
        let told = Arc::new(AtomicBool::default());
        let tell = Arc::clone(&told);
        let tell = move || tell.store(true, Ordering::Relaxed);
        let came = Paced::new(body, PACE, Leisure::default(), tell)
            .collect()
            .await;
        assert_eq!(came.is_err(), told.load(Ordering::Relaxed));
        (came.is_ok(), begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_slowly_comes_whole() {
        assert_eq!(fares(coming(1000, 1000, 9)).await, (true, 1001 * 9));
        assert_eq!(fares(coming(3, 6000, 59)).await, (true, 4 * 59));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_ends() {
        assert_eq!(fares(coming(1, 1, 61)).await, (false, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_byte_by_byte_ends() {
        assert_eq!(fares(coming(1000, 1, 29)).await, (false, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_asks_for_may_wait() {
        let mut body = Paced::new(coming(2, 1, 30), PACE, Leisure::default(), || {});
        body.frame().await.unwrap().unwrap();
        sleep(Duration::from_secs(600)).await;
        body.frame().await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn leisure_that_comes_late_is_leisure() {
        let leisure = Leisure::default();
        let granted = leisure.clone();
        let mut body = Paced::new(coming(1, 1, 1_000), PACE, leisure, || {});
        let early = timeout(Duration::from_secs(30), body.frame());
        assert!(early.await.is_err());
        granted.grant();
        body.frame().await.unwrap().unwrap();
    }
}
