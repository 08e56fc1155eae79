//! When a stream ends, and who is told.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use oauthgate_core::{UnixTime, UserContext};
use oauthgate_remote::clock::Clock;
use tokio::time::{Instant, Sleep, sleep};

use crate::Reference;

/// How long before the end of the grace the end begins: a second for an event that is under way, and one
/// because the times of tokens are whole seconds.
const HASTE: Duration = Duration::from_secs(2);

/// How long the end waits for an event that is under way.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long nobody looks at the clocks. A machine that slept, or whose clock was set, is noticed so much
/// later at the most: a timer knows of neither.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);

/// What the layer was told about streams.
pub(crate) struct Terms {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) grace: Duration,
    pub(crate) observer: Observer,
}

/// Who is told about a stream that ended because its token did.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Told>>);

type Told = dyn Fn(Option<&Reference>) + Send + Sync;

impl Observer {
    pub(crate) fn new(told: impl Fn(Option<&Reference>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    fn tell(&self, reference: Option<&Reference>) {
        match &self.0 {
            Some(told) => told(reference),
            None => {
                let reference = reference.map(tracing::field::display);
                tracing::info!(target: "oauthgate::streams", reference, "a stream ended with its token");
            }
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.0.is_some()).finish()
    }
}

/// In the extensions of requests that a layer let in: until when a stream that answers may last. Cheap
/// to clone.
///
/// The layer itself holds event streams to it. A service that keeps anything else open for the caller
/// (a WebSocket) waits for the [`Countdown`], and says so with [`Self::report`] when it ended something.
#[derive(Clone)]
pub struct StreamDeadline(Arc<Shared>);

struct Shared {
    terms: Terms,
    accepted_until: UnixTime,
    reference: Option<Reference>,
    is_reported: AtomicBool,
}

impl StreamDeadline {
    pub(crate) fn new(terms: Terms, user: &UserContext, reference: Option<Reference>) -> Self {
        Self(Arc::new(Shared {
            terms,
            accepted_until: user.accepted_until(),
            reference,
            is_reported: AtomicBool::new(false),
        }))
    }

    /// Counts from now until the stream is to be ended. Works inside a Tokio runtime whose timers run.
    #[must_use]
    pub fn countdown(&self) -> Countdown {
        Countdown::of(self.clone())
    }

    /// How long the end may wait for what is under way then.
    #[must_use]
    pub fn patience(&self) -> Duration {
        PATIENCE.min(self.0.terms.grace)
    }

    /// Tells whoever counts that the stream was ended here; only the first word counts.
    pub fn report(&self) {
        if self.0.is_reported.swap(true, Ordering::Relaxed) {
            return;
        }
        self.0.terms.observer.tell(self.0.reference.as_ref());
    }

    fn clock(&self) -> &dyn Clock {
        &*self.0.terms.clock
    }

    /// By the time of day, in whole seconds as the times of tokens are.
    fn left(&self) -> Duration {
        let grace = self.0.terms.grace.saturating_sub(HASTE);
        let end = self.0.accepted_until.saturating_add(grace);
        let seconds = end.seconds_since(self.clock().now());
        Duration::from_secs(seconds.try_into().unwrap_or(0))
    }
}

impl fmt::Debug for StreamDeadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamDeadline")
            .field("accepted_until", &self.0.accepted_until)
            .finish_non_exhaustive()
    }
}

/// Ready when a stream is to be ended.
///
/// The time of day is turned into time that passes once, at the start, so a clock that is set back
/// gives nobody more of it. After that both are looked at now and then, and the earlier end counts.
pub struct Countdown {
    deadline: StreamDeadline,
    /// In the clock's elapsed time.
    ends_at: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Countdown {
    fn of(deadline: StreamDeadline) -> Self {
        let left = deadline.left();
        Self {
            ends_at: deadline.clock().elapsed().saturating_add(left),
            sleep: Box::pin(sleep(left.min(LONGEST_SLEEP))),
            deadline,
        }
    }

    fn left(&self) -> Duration {
        let steady = self.ends_at.saturating_sub(self.deadline.clock().elapsed());
        steady.min(self.deadline.left())
    }
}

impl Future for Countdown {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let left = self.left();
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.sleep
                .as_mut()
                .reset(Instant::now() + left.min(LONGEST_SLEEP));
        }
    }
}

impl fmt::Debug for Countdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Countdown").field(&self.deadline).finish()
    }
}
