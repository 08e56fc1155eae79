//! Whether a connection is at work: a request on it is being answered, or its client still has to take
//! what was written.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

/// Counts the work under way on one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity(watch::Sender<usize>);

/// A piece of work, until it is dropped.
#[derive(Debug)]
pub(super) struct Work(Activity);

impl Activity {
    pub(super) fn begin(&self) -> Work {
        self.0.send_modify(|underway| *underway += 1);
        Work(self.clone())
    }

    /// Waits until there was no work for so long.
    pub(super) async fn idle_for(&self, time: Duration) {
        let mut underway = self.0.subscribe();
        loop {
            // The sender is ours: neither wait can end because it is gone.
            let _ = underway.wait_for(|underway| *underway == 0).await;
            if timeout(time, underway.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.0.send_modify(|underway| *underway -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

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
}
