//! The budget that strangers spend.

use std::{
    fmt,
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::request::Parts;
use oauthgate_core::{
    BearerToken, Blame, Denial, Reason,
    quota::{Quota, Verdict, decide, microseconds},
};
use tokio::time::Instant;

use super::{
    accounts::{Account, Accounts},
    announcements::{Announcements, spend},
    doorstep::{Doorstep, Visit},
    known::{KnownTokens, TokenDigest, token_of},
    look::{Lane, Look},
};
use crate::ClientNetwork;

/// How many clients are remembered, at some 50 bytes each.
const CLIENTS: usize = 10_000;

/// How many unknown tokens of one client over budget are looked at in a second, of those that come for the
/// first time and of those that come back alike: some 1 ms of work at 60 µs for a signature.
const LOOKS_PER_CLIENT: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// How many of all clients together: 3 % of a core.
const LOOKS: NonZeroU32 = NonZeroU32::new(500).unwrap();

/// How many refused tokens each client may send, and how many it sent. Share it in an
/// [`Arc`](std::sync::Arc) among all that listen to the same strangers.
pub struct RefusedTokenBudget {
    quota: Quota,
    looks_per_client: Quota,
    looks: Quota,
    epoch: Instant,
    accounts: Accounts,
    /// Theoretical arrival time of looks at tokens of all clients over budget.
    all_looks: AtomicU64,
    /// When the last of the clients over budget will be within it again, so that nobody is looked up while
    /// there is none. Zero as long as there never was one.
    over_until: AtomicU64,
    known: KnownTokens,
    doorstep: Doorstep,
    announcements: Announcements,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    challenged: AtomicU64,
    limited: AtomicU64,
    unverified: AtomicU64,
}

/// How refused tokens and those who sent them are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedTokens {
    /// Refused tokens that were counted, of clients within their budget.
    pub challenged: u64,
    /// Refused tokens of clients over budget, verified at the bounded rate.
    pub limited: u64,
    /// Tokens of clients over budget that nobody looked at.
    pub unverified: u64,
    /// Clients that are over budget now.
    pub clients_over_budget: usize,
    /// Tokens that were good lately.
    pub known_tokens: usize,
}

impl Default for RefusedTokenBudget {
    fn default() -> Self {
        Self::of(Self::default_quota())
    }
}

impl RefusedTokenBudget {
    /// 60 refused tokens per minute and client.
    #[must_use]
    pub fn default_quota() -> Quota {
        const PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();
        Quota::new(PER_MINUTE, Duration::from_secs(60))
    }

    /// So many refused tokens per minute and client, over 10,000 clients.
    #[must_use]
    pub fn per_minute(refusals: NonZeroU32) -> Self {
        Self::new(Quota::new(refusals, Duration::from_secs(60)), CLIENTS)
    }

    /// This quota for each client, over 10,000 clients.
    #[must_use]
    pub fn of(quota: Quota) -> Self {
        Self::new(quota, CLIENTS)
    }

    /// This quota, for so many clients at a time.
    #[must_use]
    pub fn new(quota: Quota, clients: usize) -> Self {
        let second = Duration::from_secs(1);
        Self {
            quota,
            looks_per_client: Quota::new(LOOKS_PER_CLIENT, second),
            looks: Quota::new(LOOKS, second),
            epoch: Instant::now(),
            accounts: Accounts::new(clients),
            all_looks: AtomicU64::default(),
            over_until: AtomicU64::default(),
            known: KnownTokens::default(),
            doorstep: Doorstep::default(),
            announcements: Announcements::default(),
            counts: Counts::default(),
        }
    }

    /// How many clients are remembered.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.accounts.count(|_| true)
    }

    /// What was counted, and who is over budget now.
    #[must_use]
    pub fn status(&self) -> RefusedTokens {
        let now = self.now();
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        RefusedTokens {
            challenged: count(&self.counts.challenged),
            limited: count(&self.counts.limited),
            unverified: count(&self.counts.unverified),
            clients_over_budget: self.accounts.count(|account| self.owes_all(account, now)),
            known_tokens: self.known.len(),
        }
    }

    /// Whether anybody may look at the token of a request from this client.
    ///
    /// # Errors
    /// `too_many_refused_tokens`, when nobody may.
    pub(crate) fn look(&self, client: ClientNetwork, parts: &Parts) -> Result<Look<'_>, Denial> {
        let free = Look::free(self, client);
        if !self.is_over(client) {
            return Ok(free);
        }
        let Some(token) = self.digest(parts) else {
            return Ok(free);
        };
        let (look, now) = (free.at(token), self.now());
        // Credentials that are no token cost no work, and are refused for what they are.
        if self.known.holds(token, now) || BearerToken::from_request(parts).is_err() {
            return Ok(look);
        }
        self.look_at_unknown(client, token, now)
            .map(|lane| look.through(lane))
            .map_err(|wait| self.turn_away(token, wait, now))
    }

    /// The digest of the request's token, if it has one.
    pub(super) fn digest(&self, parts: &Parts) -> Option<TokenDigest> {
        token_of(parts).map(|token| self.known.digest(token))
    }

    fn now(&self) -> u64 {
        microseconds(self.epoch.elapsed())
    }

    /// Quiet most of the time: then nothing is looked up, and at first not even the clock.
    fn is_over(&self, client: ClientNetwork) -> bool {
        let over_until = self.over_until.load(Ordering::Relaxed);
        if over_until == 0 {
            return false;
        }
        let now = self.now();
        now < over_until
            && self
                .accounts
                .with(client, |account| self.owes_all(account, now))
                .unwrap_or(false)
    }

    fn owes_all(&self, account: &Account, now: u64) -> bool {
        self.quota.remaining(account.refused, now) == 0
    }

    /// The lane that the token may be looked at through, and none if the client was forgotten meanwhile;
    /// how long to wait if it may not.
    fn look_at_unknown(
        &self,
        client: ClientNetwork,
        token: TokenDigest,
        now: u64,
    ) -> Result<Option<Lane>, Duration> {
        let first_choice = match self.doorstep.visit(token, now) {
            Visit::InVain(wait) => return Err(wait),
            Visit::First => Lane::First,
            Visit::Second => Lane::Second,
        };
        let taken = self.accounts.with(client, |account| {
            self.take(account, first_choice, now)
                .or_else(|wait| match first_choice {
                    Lane::Second => self.take(account, Lane::First, now),
                    Lane::First => Err(wait),
                })
        });
        taken.transpose()
    }

    /// Takes a look of the client and one of all, or none.
    fn take(&self, account: &mut Account, lane: Lane, now: u64) -> Result<Lane, Duration> {
        let before = lane.of(account);
        match decide(self.looks_per_client, *before, now, 1) {
            Verdict::Over { wait, .. } => Err(wait),
            Verdict::Within { arrival, .. } if spend(&self.all_looks, self.looks, now) => {
                *before = arrival;
                Ok(lane)
            }
            Verdict::Within { .. } => Err(Duration::ZERO),
        }
    }

    /// Whatever was looked at was worth it.
    pub(super) fn give_back(&self, client: ClientNetwork, lane: Lane) {
        self.accounts.with(client, |account| {
            let arrival = lane.of(account);
            *arrival = arrival.saturating_sub(self.looks_per_client.price(1));
        });
        let price = self.looks.price(1);
        let refund = |arrival: u64| Some(arrival.saturating_sub(price));
        // Never refused: the closure always answers.
        let _ = self
            .all_looks
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, refund);
    }

    fn turn_away(&self, token: TokenDigest, wait: Duration, now: u64) -> Denial {
        if !matches!(self.doorstep.visit(token, now), Visit::InVain(_)) {
            self.doorstep.turn_away(token, now);
        }
        self.counts.unverified.fetch_add(1, Ordering::Relaxed);
        too_many(wait, "the token was not looked at".to_owned())
    }

    /// The token is good.
    pub(super) fn remember(&self, token: TokenDigest) {
        self.known.remember(token, self.now());
    }

    /// Counts a token that a stranger could have made up. The refusal itself while the budget lasts, and for
    /// whoever had a good token; `too_many_refused_tokens` for all others.
    pub(super) fn charge(
        &self,
        client: ClientNetwork,
        token: Option<TokenDigest>,
        refusal: Denial,
    ) -> Denial {
        let now = self.now();
        if let Some(token) = token {
            if self.known.holds(token, now) {
                return refusal;
            }
            self.doorstep.looked_at(token, now);
        }
        let Err(wait) = self.spend_at(client, now) else {
            self.counts.challenged.fetch_add(1, Ordering::Relaxed);
            return refusal;
        };
        self.counts.limited.fetch_add(1, Ordering::Relaxed);
        if may_have_been_good(refusal.reason()) {
            return refusal;
        }
        let detail = format!("the last token was refused as {}", refusal.code());
        too_many(wait, detail)
    }

    /// Counts at a moment; how long to wait when the budget is spent.
    pub(super) fn spend_at(&self, client: ClientNetwork, now: u64) -> Result<(), Duration> {
        let spent = self.accounts.open(client, |account| {
            match decide(self.quota, account.refused, now, 1) {
                Verdict::Over { wait, .. } => Err(wait),
                Verdict::Within { arrival, standing } => {
                    account.is_announced &= account.refused > now;
                    account.refused = arrival;
                    let is_spent = standing.remaining == 0;
                    let is_news = is_spent && !account.is_announced;
                    account.is_announced |= is_spent;
                    Ok((is_spent.then_some(arrival), is_news))
                }
            }
        });
        let (spent, is_news) = spent.unwrap_or(Ok((None, false)))?;
        if let Some(arrival) = spent {
            let within_again = arrival
                .saturating_add(self.quota.price(1))
                .saturating_sub(self.quota.depth());
            self.over_until.fetch_max(within_again, Ordering::Relaxed);
        }
        if is_news {
            self.announcements.say(client, self.quota, now);
        }
        Ok(())
    }
}

/// Whether the budget is spent on refusals for this reason: only on a *token*, and only on one that a
/// stranger could make up.
pub(super) fn is_charged(reason: Reason) -> bool {
    reason.blame() == Blame::Token && !reason.follows_a_verified_signature()
}

/// The issuer may have made such a token, and its holder must hear that it needs another.
fn may_have_been_good(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::InactiveToken | Reason::UnknownKeyId | Reason::KeyWithdrawn
    )
}

/// `Retry-After` counts whole seconds, so it rounds up. The detail is the operator's.
fn too_many(wait: Duration, detail: String) -> Denial {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Denial::new(Reason::TooManyRefusedTokens)
        .with_retry_after(Duration::from_secs(seconds.max(1)))
        .with_detail(detail)
}

impl fmt::Debug for RefusedTokenBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedTokenBudget")
            .field("quota", &self.quota)
            .field("clients", &self.clients())
            .finish_non_exhaustive()
    }
}
