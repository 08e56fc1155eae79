//! Every order in which threads can meet at the count of one key. The count is the product's own file; only
//! its primitives are replaced, by those of `loom`.

use std::{num::NonZeroU32, time::Duration};

use count::Count;
use loom::{sync::Arc, thread};
use oauthgate_remote::core::quota::{Quota, Verdict};

#[path = "../src/state/quotas/count.rs"]
mod count;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

const NOW: u64 = 5_000_000;
const SECOND: u64 = 1_000_000;

/// One per second.
fn quota(burst: u32) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap();
    Quota::new(NonZeroU32::MIN, Duration::from_secs(1)).with_burst(burst)
}

/// How much is taken at `now`: the cost, or nothing.
fn take(count: &Count, burst: u32, now: u64, cost: u32) -> u32 {
    match count.take(quota(burst), now, cost) {
        Verdict::Within { .. } => cost,
        Verdict::Over { .. } => 0,
    }
}

fn in_thread<T: 'static>(
    count: &Arc<Count>,
    run: impl FnOnce(&Count) -> T + 'static,
) -> thread::JoinHandle<T> {
    let count = Arc::clone(count);
    thread::spawn(move || run(&count))
}

#[test]
fn nobody_takes_what_another_has_taken() {
    loom::model(|| {
        let count = Arc::new(Count::default());
        let others = [1, 2].map(|cost| in_thread(&count, move |count| take(count, 3, NOW, cost)));
        let mut taken = take(&count, 3, NOW, 2);
        taken += others
            .map(|other| other.join().unwrap())
            .iter()
            .sum::<u32>();
        // Two and one, in whatever order, or two and two do not fit.
        assert_eq!(taken, 3);
        assert_eq!(count.arrival(), NOW + 3 * SECOND);
    });
}

#[test]
fn a_thread_that_was_late_gives_nobody_more() {
    loom::model(|| {
        let count = Arc::new(Count::default());
        // It looked at the clock, and others had their turns.
        let late = in_thread(&count, |count| take(count, 2, NOW, 1));
        let taken = take(&count, 2, NOW + SECOND / 2, 2) + late.join().unwrap();
        assert!(taken == 2 || taken == 1, "{taken}");
        assert!(count.arrival() <= NOW + SECOND / 2 + 2 * SECOND);
    });
}

#[test]
fn what_is_given_back_is_what_was_taken() {
    loom::model(|| {
        let count = Arc::new(Count::default());
        let other = in_thread(&count, |count| {
            let taken = take(count, 3, NOW, 2);
            count.give_back(u64::from(taken) * SECOND);
        });
        let kept = take(&count, 3, NOW, 1) + take(&count, 3, NOW, 1);
        other.join().unwrap();
        assert!((1..=2).contains(&kept), "{kept}");
        assert_eq!(count.arrival(), NOW + u64::from(kept) * SECOND);
    });
}

#[cfg(feature = "redis")]
#[test]
fn what_is_said_of_others_hides_nothing_of_ours() {
    loom::model(|| {
        let count = Arc::new(Count::default());
        let said = in_thread(&count, |count| count.follow(SECOND, NOW, NOW + 2 * SECOND));
        let taken = take(&count, 4, NOW, 1);
        said.join().unwrap();
        assert_eq!(taken, 1);
        let arrival = count.arrival();
        assert!((NOW + 2 * SECOND..=NOW + 4 * SECOND).contains(&arrival));
        count.follow(0, NOW, NOW);
        assert!(count.arrival() >= NOW + 2 * SECOND, "ours stays");
    });
}
