//! What each client network owes, in fixed memory.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::ClientNetwork;

/// How many accounts lie together, one of which gives way when a newcomer needs a place.
const GROUP: usize = 8;

/// One client network's. Times are theoretical arrival times, in microseconds; the later, the more is owed.
#[derive(Debug)]
pub(super) struct Account {
    network: ClientNetwork,
    /// Of refused tokens.
    pub(super) refused: u64,
    /// Of looks at tokens that come for the first time, over budget.
    pub(super) first_looks: u64,
    /// Of looks at tokens that come back.
    pub(super) second_looks: u64,
    /// Whether a log line said that this network is over budget, and it did not recover since.
    pub(super) is_announced: bool,
}

impl Account {
    fn of(network: ClientNetwork) -> Self {
        Self {
            network,
            refused: 0,
            first_looks: 0,
            second_looks: 0,
            is_announced: false,
        }
    }
}

/// The accounts of the networks that owe most.
#[derive(Debug)]
pub(super) struct Accounts {
    /// Picks a network's group, by a key that nobody outside knows.
    hasher: RandomState,
    groups: Box<[Mutex<Vec<Account>>]>,
}

impl Accounts {
    /// Room for so many networks, rounded up to whole groups.
    pub(super) fn new(networks: usize) -> Self {
        let groups = networks.div_ceil(GROUP).max(1);
        Self {
            hasher: RandomState::new(),
            groups: (0..groups).map(|_| Mutex::default()).collect(),
        }
    }

    /// Works on the account of a network that has one.
    pub(super) fn with<R>(
        &self,
        network: ClientNetwork,
        work: impl FnOnce(&mut Account) -> R,
    ) -> Option<R> {
        let mut group = self.group_of(network)?;
        let account = group
            .iter_mut()
            .find(|account| account.network == network)?;
        Some(work(account))
    }

    /// Works on the account of a network, and opens one if it has none. Where there is no room, the account
    /// that owes least is closed: of all that could be forgotten, this says the least about anybody.
    pub(super) fn open<R>(
        &self,
        network: ClientNetwork,
        work: impl FnOnce(&mut Account) -> R,
    ) -> Option<R> {
        let mut group = self.group_of(network)?;
        let known = group.iter().position(|account| account.network == network);
        let position = known.or_else(|| {
            if group.len() < GROUP {
                group.push(Account::of(network));
                return group.len().checked_sub(1);
            }
            let owes_least = group.iter_mut().min_by_key(|account| account.refused)?;
            *owes_least = Account::of(network);
            group.iter().position(|account| account.network == network)
        })?;
        group.get_mut(position).map(work)
    }

    /// How many accounts this is true of.
    pub(super) fn count(&self, is_counted: impl Fn(&Account) -> bool) -> usize {
        let counts = self.groups.iter().map(|group| {
            let group = locked(group);
            group.iter().filter(|account| is_counted(account)).count()
        });
        counts.sum()
    }

    fn group_of(&self, network: ClientNetwork) -> Option<MutexGuard<'_, Vec<Account>>> {
        let hash = u128::from(self.hasher.hash_one(network));
        // The high half of the product is even over all groups, without a division.
        let position = (hash * self.groups.len() as u128) >> 64;
        let group = self.groups.get(usize::try_from(position).ok()?)?;
        Some(locked(group))
    }
}

/// No work on an account can leave it half done, so a panic elsewhere changes nothing.
fn locked(group: &Mutex<Vec<Account>>) -> MutexGuard<'_, Vec<Account>> {
    group.lock().unwrap_or_else(PoisonError::into_inner)
}
