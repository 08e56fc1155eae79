//! What is remembered of challenges: hashes under a key of this process, in a memory of a fixed size.

#[cfg(test)]
mod tests;

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use oauthgate_core::{ScopeSet, UserContext};
use oauthgate_tower::Reference;
use quick_cache::sync::Cache;
use serde_json::Value;

/// How many challenges are remembered; the oldest and least asked about make room.
const CHALLENGES: usize = 10_000;

/// A login takes a person a minute or two; whoever comes later begins anew.
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// What everything is hashed under: as old as the process, so that a token's hashes can be kept with it.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Challenges for scope that callers may come back from. Times are measured from any one moment.
#[derive(Debug)]
pub(crate) struct StepUps {
    challenges: Cache<u64, Challenge>,
    /// Until when some challenge may be answered, in milliseconds: later, nothing need be looked up.
    awake_until: AtomicU64,
    /// Held while a challenge is replaced, never while anything is waited for.
    turn: Mutex<()>,
}

/// Who is calling, and with which token: hashes that mean nothing outside this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bearer {
    principal: u64,
    token: u64,
    issued_at: Option<i64>,
}

/// A refusal for scope, remembered.
#[derive(Debug, Clone)]
struct Challenge {
    token: Bearer,
    missing: u64,
    reference: Reference,
    at: Duration,
    is_met: bool,
    is_told: bool,
}

/// What a refusal for scope means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenged {
    /// The caller is told for the first time, or has not been to the authorization server since.
    Anew,
    /// A newer token lacks the same scopes.
    Again(Repetition),
}

/// A newer token lacks what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repetition {
    /// Whether a token in between had the scopes: then the authorization server grants them, and the
    /// client asked for others in their place.
    pub(crate) had_them: bool,
    /// Whether this is the first time, so that somebody should hear of it.
    pub(crate) is_news: bool,
}

impl Default for StepUps {
    fn default() -> Self {
        Self {
            challenges: Cache::new(CHALLENGES),
            awake_until: AtomicU64::new(0),
            turn: Mutex::new(()),
        }
    }
}

impl StepUps {
    /// Whether anybody was challenged lately: if not, an allowed request is of no interest.
    pub(crate) fn is_awake(&self, now: Duration) -> bool {
        let until = self.awake_until.load(Ordering::Relaxed);
        until > 0 && milliseconds(now) < until
    }

    /// The caller was refused for these missing scopes at this place (a resource and its deciding rules).
    pub(crate) fn refused(
        &self,
        bearer: Bearer,
        place: &impl Hash,
        missing: &ScopeSet,
        reference: &Reference,
        now: Duration,
    ) -> Challenged {
        let key = Self::key(bearer, place);
        let challenge = Challenge {
            token: bearer,
            missing: KEYS.hash_one(missing.to_string()),
            reference: reference.clone(),
            at: now,
            is_met: false,
            is_told: false,
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (challenge, meaning) = match self.challenges.get(&key) {
            Some(before) if before.is_like(&challenge) => before.followed_by(challenge),
            _ => (challenge, Challenged::Anew),
        };
        self.challenges.insert(key, challenge);
        let until = milliseconds(now.saturating_add(WINDOW));
        self.awake_until.fetch_max(until, Ordering::Relaxed);
        meaning
    }

    /// The caller passed at this place: the reference of the challenge that this answers, if it answers one.
    pub(crate) fn allowed(
        &self,
        bearer: Bearer,
        place: &impl Hash,
        now: Duration,
    ) -> Option<Reference> {
        let key = Self::key(bearer, place);
        self.challenges.get(&key)?;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut challenge = self.challenges.get(&key)?;
        if challenge.is_met || challenge.is_over(now) || !bearer.is_newer_than(challenge.token) {
            return None;
        }
        let reference = challenge.reference.clone();
        challenge.token = bearer;
        challenge.is_met = true;
        self.challenges.insert(key, challenge);
        Some(reference)
    }

    fn key(bearer: Bearer, place: &impl Hash) -> u64 {
        KEYS.hash_one((bearer.principal, place))
    }
}

impl Bearer {
    /// The caller and its token. A token without an id differs from the next by its times.
    pub(crate) fn of(user: &UserContext) -> Self {
        *user.kept(|user| Self::under(&KEYS, user))
    }

    fn under(keys: &RandomState, user: &UserContext) -> Self {
        let principal = (user.issuer().as_str(), user.user_id(), user.client_id());
        let times = (user.token_expires_at(), user.scopes().to_string());
        let claims = serde_json::to_string(user.claims()).unwrap_or_default();
        Self {
            principal: keys.hash_one((principal, user.tenant_id())),
            token: keys.hash_one((times, claims)),
            issued_at: user.metadata().get("iat").and_then(Value::as_i64),
        }
    }

    /// Another token, and not one from before: old ones may still be on their way.
    fn is_newer_than(self, other: Self) -> bool {
        self.token != other.token && self.issued_at >= other.issued_at
    }
}

impl Challenge {
    fn is_like(&self, next: &Self) -> bool {
        self.missing == next.missing && !self.is_over(next.at)
    }

    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) > WINDOW
    }

    /// What to remember after one more refusal for the same scopes, and what that refusal means.
    fn followed_by(self, next: Self) -> (Self, Challenged) {
        if !next.token.is_newer_than(self.token) {
            return (
                Self {
                    at: next.at,
                    ..self
                },
                Challenged::Anew,
            );
        }
        let repetition = Repetition {
            had_them: self.is_met,
            is_news: !self.is_told,
        };
        let next = Self {
            is_told: true,
            ..next
        };
        (next, Challenged::Again(repetition))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
