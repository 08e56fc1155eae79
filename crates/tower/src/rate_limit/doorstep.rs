//! Tokens that nobody knows, of clients over budget: which were turned away unseen, and which were looked
//! at in vain. Who keeps `Retry-After` is told from a flood of tokens that are made up once and never come back.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::known::TokenDigest;

/// How many tokens are remembered, at 8 bytes each: those of a second or two, at more than a gate can read.
const GROUPS: usize = 1 << 15;

/// How many lie together, the oldest of which gives way: so a token is forgotten within a second only if
/// four others meet it there, which is rare even in a flood.
const GROUP: usize = 4;

/// From when a token that was turned away counts as one that comes back. Below the shortest `Retry-After`,
/// which is one second, so that nobody who keeps it is early.
pub(super) const COMES_BACK_AFTER: Duration = Duration::from_millis(500);

/// How long a token that was looked at in vain gets no other look. Short: what is refused now may be good in
/// a moment, when keys were fetched.
pub(super) const IN_VAIN_FOR: Duration = Duration::from_secs(10);

/// How a token stands on the doorstep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// It never came, or hurries.
    First,
    /// It was turned away and waited.
    Second,
    /// It was looked at a moment ago; how long until it may be again.
    InVain(Duration),
}

/// A token's digest picks the group. Threads that meet there may lose a token, which is no more than forgetting it.
/// There is no memory for it before the first token is refused.
#[derive(Debug, Default)]
pub(super) struct Doorstep(OnceLock<Box<[[AtomicU64; GROUP]]>>);

/// What is kept of a token, from the highest bit: the half of its digest that does not pick the group, 31 bits
/// of the time in milliseconds (a month, then they begin anew), and whether somebody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    half: u32,
    milliseconds: u32,
    was_looked_at: bool,
}

const TIME: u32 = u32::MAX >> 1;

impl Memory {
    fn unpack(bits: u64) -> Self {
        let low = bits as u32;
        Self {
            half: (bits >> 32) as u32,
            milliseconds: low >> 1,
            was_looked_at: low & 1 == 1,
        }
    }

    fn pack(self) -> u64 {
        let low = (self.milliseconds & TIME) << 1 | u32::from(self.was_looked_at);
        u64::from(self.half) << 32 | u64::from(low)
    }

    fn age(self, now: u64) -> Duration {
        let now = (now / 1_000) as u32;
        Duration::from_millis((now.wrapping_sub(self.milliseconds) & TIME).into())
    }
}

impl Doorstep {
    /// How a token stands at `now`, in microseconds.
    pub(super) fn visit(&self, token: TokenDigest, now: u64) -> Visit {
        let Some(memory) = self.memory_of(token) else {
            return Visit::First;
        };
        let age = memory.age(now);
        match memory.was_looked_at {
            true if age < IN_VAIN_FOR => Visit::InVain(IN_VAIN_FOR.saturating_sub(age)),
            false if age >= COMES_BACK_AFTER => Visit::Second,
            _ => Visit::First,
        }
    }

    /// Nobody looked at the token. It waits since the first time, however often it asks.
    pub(super) fn turn_away(&self, token: TokenDigest, now: u64) {
        let waits = |memory: Memory| !memory.was_looked_at;
        if !self.memory_of(token).is_some_and(waits) {
            self.keep(token, now, false);
        }
    }

    /// Somebody looked, and it was bad.
    pub(super) fn looked_at(&self, token: TokenDigest, now: u64) {
        self.keep(token, now, true);
    }

    fn memory_of(&self, token: TokenDigest) -> Option<Memory> {
        let mut places = group_of(token, self.0.get()?).iter();
        places.find_map(|place| remembered(place).filter(|memory| memory.half == half(token)))
    }

    fn keep(&self, token: TokenDigest, now: u64, was_looked_at: bool) {
        let memory = Memory {
            half: half(token),
            milliseconds: (now / 1_000) as u32,
            was_looked_at,
        };
        let giving_way = |place: &&AtomicU64| match remembered(place) {
            Some(other) => (other.half == memory.half, other.age(now)),
            None => (false, Duration::MAX),
        };
        let groups = self
            .0
            .get_or_init(|| (0..GROUPS).map(|_| Default::default()).collect());
        if let Some(place) = group_of(token, groups).iter().max_by_key(giving_way) {
            place.store(memory.pack(), Ordering::Relaxed);
        }
    }
}

fn group_of(token: TokenDigest, groups: &[[AtomicU64; GROUP]]) -> &[AtomicU64] {
    let group = groups.get(token.bits() as usize % GROUPS);
    group.map_or(&[], <[_; GROUP]>::as_slice)
}

/// A token whose half and time are all zero would read as none, which is no more than forgetting it.
fn remembered(place: &AtomicU64) -> Option<Memory> {
    let bits = place.load(Ordering::Relaxed);
    (bits != 0).then(|| Memory::unpack(bits))
}

fn half(token: TokenDigest) -> u32 {
    (token.bits() >> 32) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a token was last told, whatever lies beside it.
    #[test]
    fn a_token_has_one_memory_in_its_group() {
        let doorstep = Doorstep::default();
        let known = super::super::known::KnownTokens::default();
        let tokens: Vec<_> = (0..2_000_u32)
            .map(|number| known.digest(&number.to_be_bytes()))
            .collect();
        for token in &tokens {
            doorstep.turn_away(*token, 1_000_000);
            doorstep.looked_at(*token, 2_000_000);
            assert_eq!(
                doorstep.visit(*token, 2_000_000),
                Visit::InVain(IN_VAIN_FOR)
            );
            doorstep.turn_away(*token, 20_000_000);
        }
        let waiting = tokens
            .iter()
            .filter(|token| doorstep.visit(**token, 21_000_000) == Visit::Second);
        assert_eq!(waiting.count(), tokens.len());
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(half: u32, milliseconds in 0..=TIME, was_looked_at: bool) {
            let memory = Memory { half, milliseconds, was_looked_at };
            prop_assert_eq!(Memory::unpack(memory.pack()), memory);
        }

        #[test]
        fn an_age_is_told_over_the_end_of_the_count(start: u64, milliseconds in 0_u32..=TIME) {
            let start = start / 2;
            let memory = Memory { half: 0, milliseconds: (start / 1_000) as u32 & TIME, was_looked_at: false };
            let age = memory.age(start / 1_000 * 1_000 + u64::from(milliseconds) * 1_000);
            prop_assert_eq!(age, Duration::from_millis(milliseconds.into()));
        }
    }
}
