//! The questions that are under way: one for each token, a bounded number of them, and waited for by any
//! number of requests. A question belongs to nobody: a request that is cancelled cancels nothing.
//!
//! Tokens that were good a while ago and tokens that nobody knows have a lane each, so that no flood of
//! made-up tokens keeps those waiting who were served a minute ago. Of the latter lane one address gets a
//! share only, so that no single stranger keeps everybody out who has not been here yet.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::Semaphore;

use super::{memory::Digest, trouble::Trouble};

/// Questions that are asked at once in one lane.
pub(super) const AT_ONCE: usize = 16;
/// Questions that are asked or wait for their turn in one lane.
pub(super) const MOST: usize = 256;
/// How many of those may be about tokens that one address brought and nobody knows: few enough to be asked
/// within the time that others wait for their turn.
pub(super) const SHARE: usize = 64;

/// Who brought a token: an address, or a network of 64 bits of IPv6, where one stranger has all addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Bearer(IpAddr);

impl Bearer {
    pub(crate) fn at(address: IpAddr) -> Self {
        const NETWORK: u128 = u128::MAX << 64;
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
            address => address,
        })
    }
}

/// Why somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// The token was good before.
    Due,
    /// Nobody knows the token.
    Unknown,
}

/// What a question ends with.
pub(super) type Landed<T> = Result<T, Trouble>;
/// One question, for all who wait for it.
pub(super) type Flight<T> = Shared<BoxFuture<'static, Landed<T>>>;

/// The questions of one issuer.
#[derive(Debug)]
pub(super) struct Flights<T: Clone> {
    board: Mutex<Board<T>>,
    due: Semaphore,
    unknown: Semaphore,
}

#[derive(Debug)]
struct Board<T: Clone> {
    flights: HashMap<Digest, Entry<T>>,
    next: u64,
    due: usize,
    unknown: usize,
    /// Of the unknown, how many each brought; gone with the last.
    brought: HashMap<Bearer, usize>,
}

#[derive(Debug)]
struct Entry<T: Clone> {
    number: u64,
    flight: WeakShared<BoxFuture<'static, Landed<T>>>,
}

/// A question's place on the board; gone with the question, however that ends.
#[derive(Debug)]
pub(super) struct Slot<T: Clone> {
    flights: Arc<Flights<T>>,
    digest: Digest,
    number: u64,
    lane: Lane,
    /// Whose share it takes.
    bearer: Option<Bearer>,
}

/// The board was looked at.
pub(super) enum Joined<T: Clone> {
    /// Somebody asks already.
    Passenger(Flight<T>),
    /// Nobody does, and this question is new.
    Pilot(Flight<T>),
    /// Too many questions are under way.
    Full,
}

impl<T: Clone> Flights<T> {
    pub(super) fn new() -> Self {
        Self {
            board: Mutex::new(Board {
                flights: HashMap::new(),
                next: 0,
                due: 0,
                unknown: 0,
                brought: HashMap::new(),
            }),
            due: Semaphore::new(AT_ONCE),
            unknown: Semaphore::new(AT_ONCE),
        }
    }

    /// The question about this token that is under way, or a new one, which `take_off` makes.
    pub(super) fn join(
        self: &Arc<Self>,
        digest: Digest,
        lane: Lane,
        bearer: Option<Bearer>,
        take_off: impl FnOnce(Slot<T>) -> Flight<T>,
    ) -> Joined<T> {
        let mut board = self.board();
        let under_way = board
            .flights
            .get(&digest)
            .map(|entry| entry.flight.upgrade());
        if let Some(Some(flight)) = under_way {
            return Joined::Passenger(flight);
        }
        let bearer = bearer.filter(|_| lane == Lane::Unknown);
        if *board.count(lane) >= MOST || board.brought_by(bearer) >= SHARE {
            return Joined::Full;
        }
        *board.count(lane) += 1;
        if let Some(bearer) = bearer {
            *board.brought.entry(bearer).or_default() += 1;
        }
        board.next += 1;
        let number = board.next;
        let flight = take_off(Slot {
            flights: Arc::clone(self),
            digest,
            number,
            lane,
            bearer,
        });
        if let Some(weak) = flight.downgrade() {
            let entry = Entry {
                number,
                flight: weak,
            };
            board.flights.insert(digest, entry);
        }
        Joined::Pilot(flight)
    }

    /// The turns of a lane.
    pub(super) fn turns(&self, lane: Lane) -> &Semaphore {
        match lane {
            Lane::Due => &self.due,
            Lane::Unknown => &self.unknown,
        }
    }

    /// Questions under way.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let board = self.board();
        assert!(board.flights.len() <= board.due + board.unknown);
        assert!(board.brought.values().sum::<usize>() <= board.unknown);
        board.due + board.unknown
    }

    fn board(&self) -> MutexGuard<'_, Board<T>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Board<T> {
    fn count(&mut self, lane: Lane) -> &mut usize {
        match lane {
            Lane::Due => &mut self.due,
            Lane::Unknown => &mut self.unknown,
        }
    }

    fn brought_by(&self, bearer: Option<Bearer>) -> usize {
        let count = bearer.and_then(|bearer| self.brought.get(&bearer));
        count.copied().unwrap_or_default()
    }

    fn leave(&mut self, lane: Lane, bearer: Option<Bearer>) {
        let count = self.count(lane);
        *count = count.saturating_sub(1);
        if let Some(bearer) = bearer
            && let Some(count) = self.brought.get_mut(&bearer)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.brought.remove(&bearer);
            }
        }
    }
}

impl<T: Clone> Slot<T> {
    pub(super) fn lane(&self) -> Lane {
        self.lane
    }
}

impl<T: Clone> Drop for Slot<T> {
    fn drop(&mut self) {
        let mut board = self.flights.board();
        board.leave(self.lane, self.bearer);
        let is_ours = |entry: &Entry<T>| entry.number == self.number;
        if board.flights.get(&self.digest).is_some_and(is_ours) {
            board.flights.remove(&self.digest);
        }
    }
}
