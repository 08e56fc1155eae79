//! The verdicts about tokens that were verified before, of one protected resource.
//!
//! A signature is looked at once; from then on the token costs a hash, a look-up and a comparison. What is
//! remembered is never more than what the verifier would say again:
//!
//! 1. A good verdict belongs to the whole text of one token: the hash finds it, the comparison decides.
//! 2. It belongs to one provider, and so to one resource, its issuers and their rules; other settings make another
//!    provider, which remembers nothing.
//! 3. It holds from the moment of the verification to the token's end as the verifier counts it
//!    ([`UserContext::accepted_until`]), at most for [`TokenCacheSettings::ttl`], and not while the clock stands before
//!    that moment.
//! 4. It holds while its issuer's keys are those that verified it, may be served, and the operator has said nothing
//!    else about them ([`Ground`]); a verdict that a change overtakes is not remembered at all.
//! 5. When the keys are due for renewal, the next token is verified as if nothing were remembered, which renews
//!    them.
//!
//! The verdict is about the token alone. Whatever a request must prove besides, once tokens bound to a key are taken,
//! is for each request to prove.
//!
//! Tokens that their issuer was asked about are remembered elsewhere (`introspection/memory.rs`).

mod digest;
mod entry;
mod refusals;
mod settings;
mod stripe;
mod table;
#[cfg(test)]
mod tests;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use oauthgate_core::{Denial, UnixTime, UserContext};

pub use self::settings::TokenCacheSettings;
pub(crate) use self::settings::{BYTES, LONGEST_TTL, TOKENS};
use self::{
    digest::Digests,
    entry::{Entry, Verdict},
    refusals::Refusals,
    stripe::{Tally, stripe},
    table::Table,
};
use crate::{clock::Clock, jwks::Ground};

/// A moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: UnixTime,
    pub(crate) elapsed: Duration,
}

impl Moment {
    pub(crate) fn of(clock: &dyn Clock) -> Self {
        let (now, elapsed) = clock.both();
        Self { now, elapsed }
    }
}

/// How the memory of one resource's tokens is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCacheStatus {
    /// Requests whose token was known as good.
    pub hits: u64,
    /// Tokens with a signature or a MAC that had to be verified.
    pub misses: u64,
    /// Requests whose token was known as refused.
    pub refused_again: u64,
    /// Good tokens held.
    pub entries: u64,
    /// What they take, as estimated, in bytes.
    pub bytes: u64,
    /// Refused tokens held.
    pub refused: u64,
}

/// What one provider remembers.
#[derive(Debug)]
pub(crate) struct TokenCache {
    settings: TokenCacheSettings,
    digests: Digests,
    good: Table,
    refusals: Refusals,
    hits: Tally,
    misses: AtomicU64,
    refused_again: AtomicU64,
}

/// A token that nothing is known about, which is to be verified.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unknown<'a> {
    token: &'a [u8],
    place: u64,
}

impl TokenCache {
    /// Remembers nothing yet; nothing ever when the settings say so.
    pub(crate) fn new(settings: TokenCacheSettings) -> Self {
        Self {
            settings,
            digests: Digests::new(),
            good: Table::new(settings),
            refusals: Refusals::new(),
            hits: Tally::default(),
            misses: AtomicU64::new(0),
            refused_again: AtomicU64::new(0),
        }
    }

    /// The caller of a token that was verified before and is still good.
    pub(crate) fn recall(&self, token: &[u8], clock: &dyn Clock) -> Option<UserContext> {
        self.is_on().then_some(())?;
        self.good_caller(token, self.digests.place(token), Moment::of(clock))
    }

    /// What is known about a token, good or bad.
    ///
    /// # Errors
    /// The token as one that must be verified.
    pub(crate) fn verdict<'a>(
        &self,
        token: &'a [u8],
        clock: &dyn Clock,
    ) -> Result<Result<UserContext, Denial>, Unknown<'a>> {
        if !self.is_on() {
            return Err(Unknown { token, place: 0 });
        }
        let (place, moment) = (self.digests.place(token), Moment::of(clock));
        if let Some(user) = self.good_caller(token, place, moment) {
            return Ok(Ok(user));
        }
        let seal = || self.digests.seal(token);
        match self.refusals.recall(place, seal, moment) {
            Some(denial) => {
                self.refused_again.fetch_add(1, Ordering::Relaxed);
                Ok(Err(denial))
            }
            None => Err(Unknown { token, place }),
        }
    }

    /// Remembers what a verification at this moment found, if it may be repeated.
    pub(crate) fn keep(
        &self,
        token: Unknown<'_>,
        ground: Ground,
        moment: Moment,
        verdict: &Result<UserContext, Denial>,
    ) {
        self.misses.fetch_add(1, Ordering::Relaxed);
        // A change overtook the verification: what it found may be true no more.
        if !self.is_on() || ground.is_gone() {
            return;
        }
        match verdict {
            Ok(user) => self.keep_good(token, user.clone(), ground, moment),
            Err(denial) => {
                let seal = || self.digests.seal(token.token);
                self.refusals
                    .keep(token.place, seal, ground, moment, denial);
            }
        }
    }

    /// How it is doing. Drops what is over, so that the figures are of what is of use.
    pub(crate) fn status(&self, clock: &dyn Clock) -> TokenCacheStatus {
        self.good.sweep(Moment::of(clock));
        let usage = self.good.usage();
        TokenCacheStatus {
            hits: self.hits.sum(),
            misses: self.misses.load(Ordering::Relaxed),
            refused_again: self.refused_again.load(Ordering::Relaxed),
            entries: usage.entries.load(Ordering::Relaxed),
            bytes: usage.bytes.load(Ordering::Relaxed),
            refused: u64::try_from(self.refusals.len()).unwrap_or(u64::MAX),
        }
    }

    fn is_on(&self) -> bool {
        !self.settings.ttl.is_zero()
    }

    fn good_caller(&self, token: &[u8], place: u64, moment: Moment) -> Option<UserContext> {
        let stripe = stripe();
        let user = self.good.find(place, token, |entry| {
            entry.holds(moment).then(|| entry.user(stripe, moment))
        })?;
        self.hits.add(stripe);
        Some(user)
    }

    fn keep_good(&self, token: Unknown<'_>, user: UserContext, ground: Ground, moment: Moment) {
        let verdict = Verdict {
            place: token.place,
            token: token.token,
            user,
            ground,
            moment,
            until: moment.elapsed.saturating_add(self.settings.ttl),
        };
        self.good
            .put(Entry::new(verdict, self.good.usage()), moment);
    }
}
