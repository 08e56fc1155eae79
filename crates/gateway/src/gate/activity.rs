//! What a connection is at: a request on it is being answered, its client still has to take what was
//! written, or half a request's head is there; or nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Counts the work under way on one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    now: watch::Sender<Now>,
    stalled: AtomicBool,
    lingers: AtomicBool,
    requests: AtomicUsize,
    taken_back: AtomicUsize,
    abused: CancellationToken,
}

/// Requests that a client may take back at once before anybody thinks badly of it.
const TAKEN_BACK: usize = 100;
/// What was taken back earlier cost us more than it cost the client.
const AT_ONCE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Now {
    work: usize,
    /// Whether a head is begun. Counts up, so that one head is not taken for the next.
    head: Option<u64>,
    heads: u64,
}

/// A piece of work, until it is dropped.
#[derive(Debug)]
pub(super) struct Work(Activity);

impl Activity {
    pub(super) fn begin(&self) -> Work {
        self.0.now.send_modify(|now| now.work += 1);
        Work(self.clone())
    }

    /// A request's head is whole: it is being answered.
    pub(super) fn begin_request(&self) -> Work {
        self.end_head();
        self.begin()
    }

    /// A request whose answer may be taken back before it is there.
    pub(super) fn promise(&self) -> Promise {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        Promise {
            activity: Some(self.clone()),
            since: Instant::now(),
        }
    }

    /// Waits until the client took back most of what it asked for, and much of it: it opens streams only to
    /// reset them, so that no limit on open ones holds (CVE-2023-44487).
    pub(super) async fn abused(&self) {
        self.0.abused.cancelled().await;
    }

    fn take_back(&self) {
        let taken_back = self.0.taken_back.fetch_add(1, Ordering::Relaxed) + 1;
        let requests = self.0.requests.load(Ordering::Relaxed);
        if taken_back >= TAKEN_BACK && taken_back > requests / 2 {
            self.0.abused.cancel();
        }
    }

    /// Bytes came while nothing was under way: they can only be a head.
    pub(super) fn begin_head(&self) {
        self.0.now.send_if_modified(|now| {
            let begins = now.work == 0 && now.head.is_none();
            if begins {
                now.heads += 1;
                now.head = Some(now.heads);
            }
            begins
        });
    }

    /// What came is no half head.
    pub(super) fn end_head(&self) {
        let end = |now: &mut Now| now.head.take().is_some();
        self.0.now.send_if_modified(end);
    }

    /// Waits until there was nothing for so long, not even half a head.
    pub(super) async fn idle_for(&self, time: Duration) {
        let idle = |now: &Now| now.work == 0 && now.head.is_none();
        self.lasts(idle, time).await;
    }

    /// Waits until nobody worked for so long.
    pub(super) async fn workless_for(&self, time: Duration) {
        self.lasts(|now| now.work == 0, time).await;
    }

    /// Waits until one head was not whole after so long.
    pub(super) async fn head_takes(&self, time: Duration) {
        let mut watched = self.0.now.subscribe();
        loop {
            // The sender is ours: no wait can end because it is gone.
            let begun = watched.wait_for(|now| now.head.is_some()).await;
            let begun = begun.ok().and_then(|now| now.head);
            let whole = watched.wait_for(|now| now.head != begun);
            if timeout(time, whole).await.is_err() {
                return;
            }
        }
    }

    async fn lasts(&self, holds: impl Fn(&Now) -> bool, time: Duration) {
        let mut watched = self.0.now.subscribe();
        loop {
            let _ = watched.wait_for(&holds).await;
            tokio::select! {
                biased;
                _ = watched.wait_for(|now| !holds(now)) => {}
                () = sleep(time) => return,
            }
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

/// An answer that is being made. Dropped before it is kept, it was taken back.
#[derive(Debug)]
pub(super) struct Promise {
    activity: Option<Activity>,
    since: Instant,
}

impl Promise {
    /// The answer is there.
    pub(super) fn keep(mut self) {
        self.activity = None;
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(activity) = &self.activity
            && self.since.elapsed() < AT_ONCE
        {
            activity.take_back();
        }
    }
}

impl Work {
    /// Whether the connection is about to end because its client takes nothing.
    pub(super) fn is_stalled(&self) -> bool {
        self.0.0.stalled.load(Ordering::Relaxed)
    }

    /// The client may still be sending what nobody reads.
    pub(super) fn linger(&self) {
        self.0.0.lingers.store(true, Ordering::Relaxed);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.0.now.send_modify(|now| now.work -= 1);
    }
}

#[cfg(test)]
mod tests {
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
            (0..kept).for_each(|_| activity.promise().keep());
            for _ in 0..taken_back {
                let promise = activity.promise();
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
