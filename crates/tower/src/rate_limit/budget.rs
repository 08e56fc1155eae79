//! The counts of all clients.

use std::{
    convert::Infallible,
    fmt,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use oauthgate_core::{
    Denial, Reason,
    quota::{Quota, Verdict, decide, microseconds},
};
use quick_cache::sync::Cache;

use crate::ClientNetwork;

/// The paved figures: 60 refused tokens per minute and client, 10,000 clients remembered. The compiler
/// proves that 60 is not zero.
const REFUSALS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();
const CLIENTS: usize = 10_000;

/// How many refused tokens each client may send, and how many it sent. Share it in an [`Arc`] among
/// all that listen to the same strangers.
pub struct RefusedTokenBudget {
    quota: Quota,
    epoch: Instant,
    /// Theoretical arrival times, in microseconds since `epoch`.
    arrivals: Cache<ClientNetwork, Arc<AtomicU64>>,
}

impl Default for RefusedTokenBudget {
    fn default() -> Self {
        Self::per_minute(REFUSALS_PER_MINUTE)
    }
}

impl RefusedTokenBudget {
    /// So many refused tokens per minute and client, over 10,000 clients.
    #[must_use]
    pub fn per_minute(refusals: NonZeroU32) -> Self {
        Self::new(Quota::new(refusals, Duration::from_secs(60)), CLIENTS)
    }

    /// This quota, for so many clients at a time.
    #[must_use]
    pub fn new(quota: Quota, clients: usize) -> Self {
        Self {
            quota,
            epoch: Instant::now(),
            arrivals: Cache::new(clients),
        }
    }

    /// How many clients are remembered.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.arrivals.len()
    }

    /// Counts a refused token. The refusal itself while the budget lasts, then `too_many_refused_tokens`.
    #[must_use]
    pub fn spend(&self, client: IpAddr, refusal: Denial) -> Denial {
        match self.spend_at(client.into(), self.epoch.elapsed()) {
            Ok(()) => refusal,
            Err(wait) => over_budget(&refusal, wait),
        }
    }

    /// Counts at a moment since the epoch; how long to wait when the budget is spent.
    pub(crate) fn spend_at(&self, client: ClientNetwork, now: Duration) -> Result<(), Duration> {
        let arrival = self.arrival_of(client);
        let mut waited = None;
        let spent = arrival.fetch_update(
            Ordering::Relaxed,
            Ordering::Relaxed,
            |before| match decide(self.quota, before, microseconds(now), 1) {
                Verdict::Within { arrival, .. } => Some(arrival),
                Verdict::Over { wait, .. } => {
                    waited = Some(wait);
                    None
                }
            },
        );
        spent.map(|_| ()).map_err(|_| waited.unwrap_or_default())
    }

    fn arrival_of(&self, client: ClientNetwork) -> Arc<AtomicU64> {
        let Ok(arrival) = self
            .arrivals
            .get_or_insert_with(&client, || Ok::<_, Infallible>(Arc::default()));
        arrival
    }
}

/// Keeps the reason of the token for the operator; `Retry-After` counts whole seconds, so it rounds up.
fn over_budget(refusal: &Denial, wait: Duration) -> Denial {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Denial::new(Reason::TooManyRefusedTokens)
        .with_retry_after(Duration::from_secs(seconds.max(1)))
        .with_detail(format!("the last token was refused as {}", refusal.code()))
}

impl fmt::Debug for RefusedTokenBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedTokenBudget")
            .field("quota", &self.quota)
            .field("clients", &self.clients())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(number: u32) -> ClientNetwork {
        IpAddr::from(Ipv4Addr::from_bits(number)).into()
    }

    #[test]
    fn tells_the_sixty_first_bad_token_of_a_minute_when_to_come_back() {
        let budget = RefusedTokenBudget::default();
        for _ in 0..60 {
            assert_eq!(budget.spend_at(client(1), Duration::ZERO), Ok(()));
        }
        assert_eq!(
            budget.spend_at(client(1), Duration::ZERO),
            Err(Duration::from_secs(1))
        );
    }

    #[test]
    fn counts_each_client_alone() {
        let budget = RefusedTokenBudget::per_minute(NonZeroU32::MIN);
        assert!(budget.spend_at(client(1), Duration::ZERO).is_ok());
        assert!(budget.spend_at(client(1), Duration::ZERO).is_err());
        assert!(budget.spend_at(client(2), Duration::ZERO).is_ok());
    }

    #[test]
    fn keeps_the_reason_of_the_token_for_the_operator() {
        let denial = over_budget(&Denial::new(Reason::Expired), Duration::from_millis(1_200));
        assert_eq!(denial.reason(), Reason::TooManyRefusedTokens);
        assert_eq!(denial.retry_after(), Some(Duration::from_secs(2)));
        assert!(denial.detail().unwrap().contains("expired"));
    }

    #[test]
    fn h3_remembers_ten_thousand_clients_and_no_more() {
        let budget = RefusedTokenBudget::default();
        for number in 0..200_000 {
            let _ = budget.spend_at(client(number), Duration::ZERO);
        }
        assert!(budget.clients() <= CLIENTS, "{} clients", budget.clients());
    }

    #[test]
    fn h4_does_not_forget_an_attacker_in_a_flood_of_other_addresses() {
        let budget = RefusedTokenBudget::per_minute(NonZeroU32::new(10).unwrap());
        let mut passed = 0;
        for number in 0..100_000 {
            let _ = budget.spend_at(client(number + 10), Duration::ZERO);
            passed +=
                u32::from(number % 10 == 0 && budget.spend_at(client(1), Duration::ZERO).is_ok());
        }
        assert_eq!(passed, 10);
    }

    #[test]
    fn concurrent_refusals_are_all_counted() {
        let budget = RefusedTokenBudget::default();
        let passed: usize = std::thread::scope(|scope| {
            let spend = || {
                (0..50)
                    .filter(|_| budget.spend_at(client(1), Duration::ZERO).is_ok())
                    .count()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(spend)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(passed, 60);
    }
}
