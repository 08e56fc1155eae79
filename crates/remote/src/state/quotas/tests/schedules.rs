//! Random requests of one caller, the same each time: enough of them to hit the edges.

use std::{num::NonZeroU32, time::Duration};

use oauthgate_core::quota::Quota;

/// SplitMix64 (Steele, Lea and Flood 2014): small, and good enough to mix schedules.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A quota, and what is asked of it.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) quota: Quota,
    /// The first moment, in microseconds.
    pub(crate) start: u64,
    pub(crate) steps: Vec<Step>,
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Microseconds after the one before.
    pub(crate) gap: u64,
    pub(crate) cost: u32,
}

impl Schedule {
    /// The schedule of this number. Its times are those of Redis: microseconds since 1970.
    pub(crate) fn numbered(number: u64) -> Self {
        let mut dice = Dice(number);
        let period = [1, 1_000, 1_000_000, 60_000_000, 86_400_000_000];
        let period = period[dice.below(5) as usize] * (1 + dice.below(9));
        let events = 1 + dice.below(100) as u32;
        let burst = 1 + dice.below(12) as u32;
        let quota = Quota::new(
            NonZeroU32::new(events).unwrap(),
            Duration::from_micros(period),
        )
        .with_burst(NonZeroU32::new(burst).unwrap());
        let steps = (0..4 + dice.below(12))
            .map(|_| Step::any(&mut dice, quota))
            .collect();
        Self {
            quota,
            start: 1_700_000_000_000_000 + dice.below(1 << 50),
            steps,
        }
    }

    /// Each request with its moment.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (u64, u32)> {
        self.steps.iter().scan(self.start, |now, step| {
            *now += step.gap;
            Some((*now, step.cost))
        })
    }
}

impl Step {
    /// Most requests come at the same time as the last, or just as an event comes back, or a moment
    /// earlier or later; some after a long time.
    fn any(dice: &mut Dice, quota: Quota) -> Self {
        let interval = quota.price(1);
        let gap = match dice.below(8) {
            0..=2 => 0,
            3 => interval * dice.below(4),
            4 => interval * (1 + dice.below(3)) - 1,
            5 => interval + 1,
            6 => dice.below(2 * interval + 1),
            _ => dice.below(2 * quota.depth() + 1),
        };
        let burst = u64::from(quota.burst().get());
        let cost = match dice.below(6) {
            0..=2 => 1,
            3 => dice.below(4),
            4 => 1 + dice.below(burst),
            _ => burst + dice.below(2),
        };
        Self {
            gap,
            cost: cost as u32,
        }
    }
}
