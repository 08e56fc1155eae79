//! Quotas: how many events each caller may cause, counted here or by all replicas together.
//!
//! [`Quotas`] is the seam. What is charged for one request is charged altogether or not at all: a caller
//! who is over one of several quotas spends nothing of the others. [`LocalQuotas`] counts in this process;
//! `redis::RedisQuotas` counts with the other replicas.

mod count;
mod key;
mod local;
mod sync {
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}
#[cfg(test)]
pub(in crate::state) mod tests;

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;
use oauthgate_core::quota::{Quota, Standing};

pub use self::{key::QuotaKey, local::LocalQuotas};

/// What is counted.
pub trait Quotas: fmt::Debug + Send + Sync + 'static {
    /// Charges all of these, or none.
    ///
    /// # Errors
    /// [`Uncounted`], only if whoever set this up would rather have no answer than one that this replica
    /// gives alone.
    fn spend<'a>(&'a self, charges: &'a [Charge]) -> BoxFuture<'a, Result<Spent, Uncounted>>;

    /// How many decisions were made so far, and by whom.
    fn decisions(&self) -> Decisions {
        Decisions::default()
    }
}

/// How many decisions were made, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decisions {
    /// By all replicas together.
    pub shared: u64,
    /// By this replica, because it was known here that the caller is over its quota.
    pub foreseen: u64,
    /// By this replica alone.
    pub local: u64,
    /// None: [`Uncounted`].
    pub uncounted: u64,
}

/// One quota of one caller, and what is to be taken out of it. The same key under another quota is another
/// count, so that nobody who has two quotas can use one to forget what he spent of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Whose it is.
    pub key: QuotaKey,
    /// How much there is.
    pub quota: Quota,
    /// How much is taken: 0 only looks. More than the burst is never there.
    pub cost: u32,
}

/// What became of charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spent {
    /// All were taken; how the caller stands, in the order of the charges.
    Within(Vec<Standing>),
    /// None was taken.
    Over {
        /// How the caller stands, in the order of the charges.
        standings: Vec<Standing>,
        /// The position of the charge that takes longest to be within its quota.
        which: usize,
        /// How long until all of them are, if nothing else is charged in the meantime.
        wait: Duration,
    },
}

/// The replicas together cannot be asked, and this one was told not to answer alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody counts the quotas of all replicas now")]
pub struct Uncounted;

impl Charge {
    /// What it is counted under.
    pub(in crate::state) fn place(&self) -> QuotaKey {
        self.key.under(self.quota)
    }

    /// The charge to a share of the quota, in percent. What the whole quota has room for is not refused for
    /// ever by a part of it: it costs all of the share's burst.
    pub(in crate::state) fn part(&self, share: u8) -> Self {
        if share >= 100 {
            return *self;
        }
        let quota = self.quota.share(share);
        let most = quota.burst().get();
        let cost = if self.cost > self.quota.burst().get() {
            most.saturating_add(1)
        } else {
            self.cost.min(most)
        };
        Self {
            quota,
            cost,
            ..*self
        }
    }
}
