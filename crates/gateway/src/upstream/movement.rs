//! When something last moved.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// Notes that something moved; clones note the same.
#[derive(Debug, Clone)]
pub(super) struct Movement {
    began: Instant,
    /// In milliseconds since then.
    last: Arc<AtomicU64>,
}

impl Movement {
    /// Something moves now.
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
            last: Arc::default(),
        }
    }

    /// Something moves.
    pub(super) fn moved(&self) {
        let elapsed = self.began.elapsed().as_millis();
        self.last
            .store(elapsed.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// When something moved for the last time.
    pub(super) fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// Waits until nothing moved for so long.
    pub(super) async fn rests_for(&self, time: Duration) {
        while self.last() + time > Instant::now() {
            sleep_until(self.last() + time).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rest_begins_with_the_last_movement() {
        let (movement, begun) = (Movement::begin(), Instant::now());
        let moving = movement.clone();
        tokio::spawn(async move {
            for _ in 0..4 {
                sleep(Duration::from_secs(7)).await;
                moving.moved();
            }
        });
        movement.rests_for(Duration::from_secs(10)).await;
        assert_eq!(begun.elapsed().as_secs(), 4 * 7 + 10);
    }
}
