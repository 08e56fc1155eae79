//! Whether the client of an HTTP/2 stream takes what it asked for.
//!
//! A client that opens no window for a stream holds its answer, and with it the request to the upstream,
//! while the connection itself is in the best of health: nothing below the stream can notice. hyper asks a
//! body for its next piece as soon as the one before has found room in the window, so a piece that was given
//! and no further one asked for means that the client is waited for.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use tokio::{
    task_local,
    time::{Instant, sleep_until},
};

use super::pace::{Pace, Purse};
use crate::telemetry::slow_peers::{SlowPeer, SlowPeers};

task_local! {
    static HERE: Delivery;
}

/// The delivery of one answer.
#[derive(Debug, Clone)]
pub(super) struct Delivery(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    purse: Purse,
    /// The length of the piece that waits for room.
    given: usize,
    is_stalled: bool,
}

impl Delivery {
    fn new(pace: Pace) -> Self {
        let state = State {
            purse: Purse::new(pace),
            given: 0,
            is_stalled: false,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The one of the HTTP/2 stream that is served here.
    pub(super) fn here() -> Option<Self> {
        HERE.try_with(Clone::clone).ok()
    }

    /// The next piece is asked for.
    pub(super) fn asked(&self) {
        let mut state = self.state();
        if state.given > 0 {
            let taken = std::mem::take(&mut state.given);
            state.purse.moved(Instant::now, taken);
        }
    }

    /// A piece of this length is there; it is the client's turn.
    pub(super) fn given(&self, bytes: usize) {
        let mut state = self.state();
        state.given = bytes;
        if bytes > 0 {
            state.purse.wait(Instant::now());
        }
    }

    /// Whether it is the client's turn.
    fn is_waiting(&self) -> bool {
        self.state().purse.deadline().is_some()
    }

    /// Whether the stream is about to be reset.
    pub(super) fn is_stalled(&self) -> bool {
        self.state().is_stalled
    }

    /// Waits until the client took too long. Looks now and then instead of being told: deliveries are many,
    /// and this is rare.
    async fn stalls(&self, pace: Pace) {
        loop {
            let deadline = self.state().purse.deadline();
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                self.state().is_stalled = true;
                return;
            }
            let look = deadline.unwrap_or_else(|| Instant::now() + pace.pause / 4);
            sleep_until(look).await;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the streams of HTTP/2 connections, each as long as its client takes what it asked for. What is
/// dropped here is reset (RFC 9113 §5.4.2); the other streams of the connection go on.
#[derive(Debug, Clone)]
pub(super) struct StreamExecutor {
    pub(super) pace: Pace,
    pub(super) slow_peers: SlowPeers,
}

impl<F> hyper::rt::Executor<F> for StreamExecutor
where
    F: Future + Send + 'static,
{
    fn execute(&self, stream: F) {
        let delivery = Delivery::new(self.pace);
        let (pace, slow_peers) = (self.pace, self.slow_peers.clone());
        tokio::spawn(HERE.scope(delivery.clone(), async move {
            if taken(stream, &delivery, pace).await.is_none() {
                slow_peers.count(SlowPeer::StalledClient);
            }
        }));
    }
}

/// What the stream comes to, if its client takes what it asked for. Most clients have taken it all when the
/// stream rests: then there is nothing to wait for, and no clock is set.
async fn taken<F: Future>(stream: F, delivery: &Delivery, pace: Pace) -> Option<F::Output> {
    let mut stream = pin!(stream);
    let mut stalls = None;
    poll_fn(move |cx| {
        if let Poll::Ready(output) = stream.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if stalls.is_none() && delivery.is_waiting() {
            stalls = Some(Box::pin(delivery.stalls(pace)));
        }
        match &mut stalls {
            Some(stalls) => stalls.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use hyper::rt::Executor;
    use tokio::{
        sync::oneshot,
        time::{sleep, timeout},
    };

    use super::*;

    const PACE: Pace = Pace {
        pause: Duration::from_secs(60),
        rate: NonZeroU32::new(100),
    };

    /// How long a stream lasts that does this with its delivery.
    async fn lasts<F>(stream: impl FnOnce(Delivery) -> F + Send + 'static) -> Option<u64>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (alive, dropped) = oneshot::channel::<()>();
        let executor = StreamExecutor {
            pace: PACE,
            slow_peers: SlowPeers::default(),
        };
        let begun = Instant::now();
        executor.execute(async move {
            let _alive = alive;
            stream(Delivery::here().expect("a stream has a delivery")).await;
            std::future::pending::<()>().await;
        });
        let end = timeout(Duration::from_secs(10_000), dropped).await;
        end.is_ok().then(|| begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_not_taken_ends() {
        let end = lasts(|delivery| async move {
            sleep(Duration::from_secs(15)).await;
            delivery.given(1000);
        });
        assert_eq!(end.await, Some(15 + 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_taken_byte_by_byte_ends() {
        let end = lasts(|delivery| async move {
            while !delivery.is_stalled() {
                delivery.given(1);
                sleep(Duration::from_secs(29)).await;
                delivery.asked();
            }
        });
        assert_eq!(end.await, Some(60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_waits_for_the_upstream_does_not_end() {
        let end = lasts(|delivery| async move {
            loop {
                delivery.given(20);
                delivery.asked();
                sleep(Duration::from_secs(3_000)).await;
            }
        });
        assert_eq!(end.await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_taken_slowly_does_not_end() {
        let end = lasts(|delivery| async move {
            loop {
                delivery.given(1_000);
                sleep(Duration::from_secs(9)).await;
                delivery.asked();
            }
        });
        assert_eq!(end.await, None);
    }
}
