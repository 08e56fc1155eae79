//! What a connection is at: a request on it is being answered, its client still has to take what was
//! written, or half a request's head is there; or nothing.
//!
//! Every request changes it several times, and next to none of this ever matters to anybody. So what happens
//! is only noted, and nobody is told: whoever waits looks when it could be time, and sleeps again if it is not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Counts the work under way on one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    opened: Instant,
    /// Pieces of work that are under way.
    work: AtomicUsize,
    /// When the last of them ended.
    rested: Moment,
    /// Since when half a head is there, if one is.
    head: Moment,
    stalled: AtomicBool,
    lingers: AtomicBool,
    requests: AtomicUsize,
    taken_back: AtomicUsize,
    abused: Notify,
}

/// A moment after the connection was opened, or none: nanoseconds, counted from 1.
#[derive(Debug, Default)]
struct Moment(AtomicU64);

/// Requests that a client may take back at once before anybody thinks badly of it.
const TAKEN_BACK: usize = 100;
/// What was taken back earlier cost us more than it cost the client.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A piece of work, until it is dropped.
#[derive(Debug)]
pub(super) struct Work {
    activity: Activity,
    /// Since when an answer is being made. Dropped before it is there, it was taken back.
    promised: Option<Instant>,
}

impl Default for Shared {
    /// Nothing yet, since now.
    fn default() -> Self {
        let shared = Self {
            opened: Instant::now(),
            work: AtomicUsize::default(),
            rested: Moment::default(),
            head: Moment::default(),
            stalled: AtomicBool::default(),
            lingers: AtomicBool::default(),
            requests: AtomicUsize::default(),
            taken_back: AtomicUsize::default(),
            abused: Notify::default(),
        };
        shared.rested.note(shared.opened, shared.opened);
        shared
    }
}

impl Moment {
    fn note(&self, opened: Instant, now: Instant) {
        let after = now.saturating_duration_since(opened).as_nanos();
        let after = u64::try_from(after).unwrap_or(u64::MAX - 1);
        self.0.store(after + 1, Ordering::Relaxed);
    }

    fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    fn noted(&self, opened: Instant) -> Option<Instant> {
        let after = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        Some(opened + Duration::from_nanos(after))
    }
}

impl Activity {
    pub(super) fn begin(&self) -> Work {
        self.work(None)
    }

    /// A request's head is whole: it is being answered.
    pub(super) fn begin_request(&self) -> Work {
        self.0.head.forget();
        self.work(None)
    }

    /// As [`Self::begin_request`], on HTTP/2: its client can take it back and keep the connection.
    pub(super) fn begin_stream(&self) -> Work {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        self.work(Some(Instant::now()))
    }

    fn work(&self, promised: Option<Instant>) -> Work {
        self.0.work.fetch_add(1, Ordering::Relaxed);
        Work {
            activity: self.clone(),
            promised,
        }
    }

    /// Waits until the client took back most of what it asked for, and much of it: it opens streams only to
    /// reset them, so that no limit on open ones holds (CVE-2023-44487).
    pub(super) async fn abused(&self) {
        self.0.abused.notified().await;
    }

    fn take_back(&self) {
        let taken_back = self.0.taken_back.fetch_add(1, Ordering::Relaxed) + 1;
        let requests = self.0.requests.load(Ordering::Relaxed);
        if taken_back >= TAKEN_BACK && taken_back > requests / 2 {
            self.0.abused.notify_one();
        }
    }

    /// Bytes came while nothing was under way: they can only be a head.
    pub(super) fn begin_head(&self) {
        if self.0.work.load(Ordering::Relaxed) == 0 && !self.0.head.is_noted() {
            self.0.head.note(self.0.opened, Instant::now());
        }
    }

    /// What came is no half head.
    pub(super) fn end_head(&self) {
        if self.0.head.is_noted() {
            self.0.head.forget();
            self.0.rested.note(self.0.opened, Instant::now());
        }
    }

    /// Waits until there was nothing for so long, not even half a head.
    pub(super) async fn idle_for(&self, time: Duration) {
        let idle = || match self.head_since() {
            Some(_) => None,
            None => self.workless_since(),
        };
        lasts(idle, time).await;
    }

    /// Waits until nobody worked for so long.
    pub(super) async fn workless_for(&self, time: Duration) {
        lasts(|| self.workless_since(), time).await;
    }

    /// Waits until one head was not whole after so long.
    pub(super) async fn head_takes(&self, time: Duration) {
        lasts(|| self.head_since(), time).await;
    }

    fn head_since(&self) -> Option<Instant> {
        self.0.head.noted(self.0.opened)
    }

    fn workless_since(&self) -> Option<Instant> {
        // Whoever sees that the last work ended sees when it did.
        match self.0.work.load(Ordering::Acquire) {
            0 => self.0.rested.noted(self.0.opened),
            _ => None,
        }
    }

    /// The client takes nothing of what was written.
    pub(super) fn stall(&self) {
        self.0.stalled.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending what nobody reads.
    pub(super) fn lingers(&self) -> bool {
        self.0.lingers.load(Ordering::Relaxed)
    }
}

/// Waits until something was so for so long, from now on. What is not so yet, or begins anew while nobody looks,
/// lasts until then at the least: so that is when to look again.
async fn lasts(since: impl Fn() -> Option<Instant>, time: Duration) {
    let from = Instant::now();
    loop {
        let now = Instant::now();
        let end = since().unwrap_or(now).max(from) + time;
        if end <= now {
            return;
        }
        sleep_until(end).await;
    }
}

impl Work {
    /// The answer is there.
    pub(super) fn keep_promise(&mut self) {
        self.promised = None;
    }

    /// Whether the connection is about to end because its client takes nothing.
    pub(super) fn is_stalled(&self) -> bool {
        self.activity.0.stalled.load(Ordering::Relaxed)
    }

    /// The client may still be sending what nobody reads.
    pub(super) fn linger(&self) {
        self.activity.0.lingers.store(true, Ordering::Relaxed);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let (shared, now) = (&self.activity.0, Instant::now());
        if self.promised.is_some_and(|since| now - since < AT_ONCE) {
            self.activity.take_back();
        }
        shared.rested.note(shared.opened, now);
        shared.work.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idleness_begins_with_the_end_of_the_last_work() {
        let (activity, started) = (Activity::default(), Instant::now());
        let (first, second) = (activity.begin(), activity.begin());
        tokio::spawn(async move {
            sleep(Duration::from_secs(3)).await;
            drop(first);
            sleep(Duration::from_secs(3)).await;
            drop(second);
        });
        activity.idle_for(Duration::from_secs(2)).await;
        assert_eq!(started.elapsed().as_secs(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_head_is_neither_idleness_nor_work() {
        let (activity, started) = (Activity::default(), Instant::now());
        activity.begin_head();
        activity.workless_for(Duration::from_secs(1)).await;
        let idle = activity.idle_for(Duration::from_secs(1));
        assert!(timeout(Duration::from_secs(9), idle).await.is_err());
        assert_eq!(started.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn every_head_has_a_time_of_its_own() {
        let (activity, started) = (Activity::default(), Instant::now());
        let busy = activity.clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                busy.begin_head();
                sleep(Duration::from_secs(3)).await;
                // The next head begins in the same moment.
                drop(busy.begin_request());
            }
            busy.begin_head();
            // More bytes of it change nothing.
            sleep(Duration::from_secs(2)).await;
            busy.begin_head();
        });
        activity.head_takes(Duration::from_secs(4)).await;
        assert_eq!(started.elapsed().as_secs(), 5 * 3 + 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_a_request_is_answered_is_no_head_yet() {
        let activity = Activity::default();
        let _work = activity.begin();
        activity.begin_head();
        let slow = activity.head_takes(Duration::from_secs(1));
        assert!(timeout(Duration::from_secs(9), slow).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn f20_who_takes_back_most_of_it_at_once_is_found_out() {
        let abused = async |kept: usize, taken_back: usize, after: u64| {
            let activity = Activity::default();
            (0..kept).for_each(|_| activity.begin_stream().keep_promise());
            for _ in 0..taken_back {
                let promise = activity.begin_stream();
                sleep(Duration::from_millis(after)).await;
                drop(promise);
            }
            timeout(Duration::from_secs(1), activity.abused())
                .await
                .is_ok()
        };
        assert!(abused(0, TAKEN_BACK, 1).await);
        assert!(abused(TAKEN_BACK, TAKEN_BACK + 1, 1).await);
        assert!(!abused(0, TAKEN_BACK - 1, 1).await, "a few");
        assert!(!abused(TAKEN_BACK, TAKEN_BACK, 1).await, "the smaller part");
        assert!(!abused(0, 10 * TAKEN_BACK, 1_001).await, "patiently");
    }
}
