//! One verified token.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use oauthgate_core::{UnixTime, UserContext};

use super::{
    Moment,
    stripe::{STRIPES, stripe},
};
use crate::jwks::Ground;

/// From how many requests a second on, by other threads than the one that verified it, a token is in a hurry:
/// threads would wait for each other at the one counter that their contexts share.
const HURRY: u32 = 2_048;
const SECOND: u64 = 1_000;

/// A good verdict, and what it holds by. Whatever a look-up reads comes first, on two lines that a processor fetches
/// together: with many tokens, what it waits for is memory.
#[repr(C, align(128))]
pub(super) struct Entry {
    place: u64,
    token: Box<[u8]>,
    user: UserContext,
    ground: Ground,
    /// When the token was verified. A clock that stands earlier was set back, and what a later one showed
    /// (`nbf`, `iat`) is to be looked at again.
    good_from: UnixTime,
    good_until: UnixTime,
    /// In elapsed time.
    until: Duration,
    /// Hits of other threads than the one that verified the token.
    foreign: AtomicU32,
    /// That thread's stripe.
    home: u8,
    /// Since whoever makes room came by.
    was_used: AtomicBool,
    apart: OnceLock<Box<[OnceLock<UserContext>; STRIPES]>>,
    pub(super) next: ArcSwapOption<Entry>,
    foreign_since: AtomicU64,
    size: Size,
}

/// What entries take, told by those that live: one that somebody still reads takes its memory too.
#[derive(Debug, Default)]
pub(super) struct Usage {
    pub(super) entries: AtomicU64,
    pub(super) bytes: AtomicU64,
}

struct Size {
    usage: Arc<Usage>,
    context: u64,
    bytes: AtomicU64,
}

impl Size {
    fn grow(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.usage.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Size {
    fn drop(&mut self) {
        self.usage.entries.fetch_sub(1, Ordering::Relaxed);
        self.usage
            .bytes
            .fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

/// A verdict that is about to be remembered.
pub(super) struct Verdict<'a> {
    pub(super) place: u64,
    pub(super) token: &'a [u8],
    pub(super) user: UserContext,
    pub(super) ground: Ground,
    pub(super) moment: Moment,
    pub(super) until: Duration,
}

/// What a context takes in memory, as estimated from its token: claims are parsed JSON, some of which stands in the
/// context a second time, and layers keep what they worked out from it. A process grows by 5.9 KB with a token of 881
/// bytes.
pub(super) fn context_size(token: &[u8]) -> u64 {
    let signed = token.iter().rposition(|byte| *byte == b'.');
    let signed = u64::try_from(signed.unwrap_or(token.len())).unwrap_or(u64::MAX);
    signed.saturating_mul(4).saturating_add(3_072)
}

impl Entry {
    pub(super) fn new(verdict: Verdict<'_>, usage: &Arc<Usage>) -> Self {
        let context = context_size(verdict.token);
        let size = Size {
            usage: Arc::clone(usage),
            context,
            bytes: AtomicU64::new(0),
        };
        usage.entries.fetch_add(1, Ordering::Relaxed);
        let own = std::mem::size_of::<Self>().saturating_add(verdict.token.len());
        size.grow(context.saturating_add(u64::try_from(own).unwrap_or(u64::MAX)));
        Self {
            place: verdict.place,
            token: verdict.token.into(),
            good_from: verdict.moment.now,
            good_until: verdict.user.accepted_until(),
            user: verdict.user,
            home: u8::try_from(stripe()).unwrap_or(u8::MAX),
            ground: verdict.ground,
            until: verdict.until,
            was_used: AtomicBool::new(false),
            next: ArcSwapOption::empty(),
            apart: OnceLock::new(),
            foreign: AtomicU32::new(0),
            foreign_since: AtomicU64::new(0),
            size,
        }
    }

    pub(super) fn place(&self) -> u64 {
        self.place
    }

    /// Whether this is the very token, whole.
    pub(super) fn is(&self, place: u64, token: &[u8]) -> bool {
        self.place == place && *self.token == *token
    }

    /// Whether it is the same as the other's.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.is(other.place, &other.token)
    }

    /// Whether the verdict may be repeated now.
    pub(super) fn holds(&self, moment: Moment) -> bool {
        let Moment { now, elapsed } = moment;
        self.good_from <= now
            && now < self.good_until
            && elapsed < self.until
            && self.ground.holds(elapsed)
    }

    /// Whether it will hold no more, unless the clock is set back.
    pub(super) fn is_over(&self, moment: Moment) -> bool {
        moment.now >= self.good_until || moment.elapsed >= self.until || self.ground.is_gone()
    }

    /// Whether it was asked for since the last time that this was asked.
    pub(super) fn was_used(&self) -> bool {
        self.was_used.swap(false, Ordering::Relaxed)
    }

    /// The caller, for the thread of this stripe.
    pub(super) fn user(&self, stripe: usize, moment: Moment) -> UserContext {
        // Read first: a line that nobody writes to is nobody's to wait for.
        if !self.was_used.load(Ordering::Relaxed) {
            self.was_used.store(true, Ordering::Relaxed);
        }
        if stripe == usize::from(self.home) {
            return self.user.clone();
        }
        match self.own_of(stripe) {
            Some(user) => user.clone(),
            None => self.user_of_foreigner(stripe, moment),
        }
    }

    fn own_of(&self, stripe: usize) -> Option<&UserContext> {
        self.apart.get()?.get(stripe)?.get()
    }

    /// Gives the stripe a context with a counter of its own, once the token is in a hurry.
    fn user_of_foreigner(&self, stripe: usize, moment: Moment) -> UserContext {
        if !self.is_in_a_hurry(moment) {
            return self.user.clone();
        }
        let all = self.apart.get_or_init(Box::default);
        let Some(own) = all.get(stripe) else {
            return self.user.clone();
        };
        let make = || {
            self.size.grow(self.size.context);
            self.user.apart()
        };
        own.get_or_init(make).clone()
    }

    fn is_in_a_hurry(&self, moment: Moment) -> bool {
        let milliseconds = u64::try_from(moment.elapsed.as_millis()).unwrap_or(u64::MAX);
        let count = self.foreign.fetch_add(1, Ordering::Relaxed);
        if count == 0 {
            self.foreign_since.store(milliseconds, Ordering::Relaxed);
        }
        if count < HURRY {
            return false;
        }
        let since = self.foreign_since.load(Ordering::Relaxed);
        let is_in_time = milliseconds.saturating_sub(since) < SECOND;
        if !is_in_time {
            self.foreign.store(0, Ordering::Relaxed);
        }
        is_in_time
    }
}
