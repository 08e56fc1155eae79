//! What was answered before, in bounded memory.
//!
//! Tokens themselves are not kept: an answer lies under HMAC-SHA-256 of its token, with a key that this
//! process made at random, whole and not cut. Nobody can look for two tokens that meet, or tell from a
//! core dump what the tokens were.
//!
//! Two memories that cannot push entries out of each other: only an authorization server can put
//! something into the first; the second is what strangers fill with tokens that nobody knows.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::{hmac, rand};
use oauthgate_core::{UnixTime, token::IntrospectedClaims};
use quick_cache::{Weighter, sync::Cache};

/// How many bytes the answers about good tokens may take, as estimated.
pub(super) const CAPACITY: u64 = 64 * 1024 * 1024;
/// How many good tokens are remembered at most.
pub(super) const MOST_GOOD: usize = 16_384;
/// How many tokens that are not good.
pub(super) const MOST_INACTIVE: usize = 16_384;
/// How long it is remembered that a token is not good.
pub(super) const INACTIVE_LIFE: Duration = Duration::from_secs(10);

/// A token's place.
pub(super) type Digest = [u8; 32];

/// What the authorization server said about a good token.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) claims: IntrospectedClaims,
    /// When it must be asked again, for a token that does not say when it expires.
    pub(crate) ask_again: UnixTime,
    /// Elapsed time.
    until: Duration,
    weight: u64,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Digest, Arc<Answered>> for Weight {
    fn weight(&self, _: &Digest, answered: &Arc<Answered>) -> u64 {
        answered.weight
    }
}

/// What is remembered of a token.
#[derive(Debug)]
pub(super) enum Recalled {
    Good(Arc<Answered>),
    Inactive,
    /// It was good once, and is to be asked about again.
    Due,
    Unknown,
}

/// The memories of one issuer.
#[derive(Debug)]
pub(super) struct Memory {
    key: hmac::Key,
    good: Cache<Digest, Arc<Answered>, Weight>,
    inactive: Cache<Digest, Duration>,
    ttl: Duration,
}

impl Memory {
    /// Remembers nothing yet.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub(super) fn new(ttl: Duration) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut secret = [0; 32];
        rand::fill(&mut secret)?;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            good: Cache::with_weighter(MOST_GOOD, CAPACITY, Weight),
            inactive: Cache::new(MOST_INACTIVE),
            ttl,
        })
    }

    pub(super) fn place_of(&self, token: &str) -> Digest {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.key, token.as_bytes()).as_ref());
        digest
    }

    pub(super) fn recall(&self, place: &Digest, elapsed: Duration, now: UnixTime) -> Recalled {
        if let Some(answered) = self.good.get(place) {
            let expired = answered
                .claims
                .expires_at()
                .is_some_and(|expires_at| now >= expires_at);
            return match elapsed < answered.until && !expired {
                true => Recalled::Good(answered),
                false => Recalled::Due,
            };
        }
        match self.inactive.get(place) {
            Some(until) if elapsed < until => Recalled::Inactive,
            _ => Recalled::Unknown,
        }
    }

    /// The token is good; `length` is that of the answer, in bytes.
    pub(super) fn keep(
        &self,
        place: Digest,
        claims: IntrospectedClaims,
        length: usize,
        (elapsed, now): (Duration, UnixTime),
    ) -> Arc<Answered> {
        let left = claims.expires_at().map(|expires_at| {
            let seconds = expires_at.seconds_since(now);
            Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
        });
        let life = left.map_or(self.ttl, |left| left.min(self.ttl));
        let answered = Arc::new(Answered {
            claims,
            ask_again: now.saturating_add(self.ttl),
            until: elapsed.saturating_add(life),
            weight: weight(length),
        });
        self.inactive.remove(&place);
        if life.is_zero() {
            self.good.remove(&place);
        } else {
            self.good.insert(place, Arc::clone(&answered));
        }
        answered
    }

    /// The token is not good.
    pub(super) fn keep_inactive(&self, place: Digest, elapsed: Duration) {
        self.good.remove(&place);
        if !self.ttl.is_zero() {
            let until = elapsed.saturating_add(INACTIVE_LIFE);
            self.inactive.insert(place, until);
        }
    }

    /// Entries held: good ones, and inactive ones.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.good.len(), self.inactive.len())
    }

    #[cfg(test)]
    pub(super) fn weight(&self) -> u64 {
        self.good.weight()
    }
}

/// Parsed JSON takes a few times its text. No entry is so light that there could be more than
/// [`MOST_GOOD`] of them.
fn weight(length: usize) -> u64 {
    let parsed = u64::try_from(length).unwrap_or(u64::MAX).saturating_mul(4);
    parsed.saturating_add(512).max(CAPACITY / MOST_GOOD as u64)
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
