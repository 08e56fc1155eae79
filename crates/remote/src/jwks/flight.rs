//! Who waits for the end of an attempt that somebody else started.
//!
//! Attempts are numbered upwards. [`Schedule`](super::schedule::Schedule) alone says which one is under
//! way; this cell lets any number of callers wait for the end of one, and promises:
//!
//! 1. No wake-up is lost: who comes after the end goes on at once, who came before is woken.
//! 2. The end of an attempt ends the waiting for every older one too, and for no newer one. An end that
//!    comes late, after that of a newer attempt, changes nothing.
//! 3. A caller that goes away leaves nothing behind, and is nobody else's concern.
//!
//! Every order of these events is tried in `tests/flight_model.rs`, which compiles this very file over
//! the primitives of a model checker. So it knows nothing but `super::sync` and wakers.

use std::{
    collections::BTreeMap,
    future::Future,
    mem,
    pin::Pin,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

use super::sync::{Mutex, MutexGuard};

/// The callers that wait for attempts of one issuer.
#[derive(Debug)]
pub(super) struct Flight {
    room: Mutex<WaitingRoom>,
}

/// A waker is foreign code: it is cloned, woken and dropped while the room is not locked.
#[derive(Debug)]
struct WaitingRoom {
    /// The newest attempt that ended; attempts count from 1.
    ended: u64,
    next_seat: u64,
    waiting: BTreeMap<Seat, Waker>,
}

/// Ordered by attempt, so that an end takes the front of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seat {
    attempt: u64,
    number: u64,
}

impl Flight {
    /// Nobody waits, and no attempt has ended.
    pub(super) fn new() -> Self {
        Self {
            room: Mutex::new(WaitingRoom {
                ended: 0,
                next_seat: 0,
                waiting: BTreeMap::new(),
            }),
        }
    }

    /// This attempt is over: whoever waits for it, or for an older one, goes on.
    pub(super) fn ended(&self, attempt: u64) {
        let woken = self.room().end(attempt);
        woken.into_values().for_each(Waker::wake);
    }

    /// Waits until this attempt, or a newer one, is over. May be dropped at any moment.
    pub(super) fn wait(&self, attempt: u64) -> Waiting<'_> {
        Waiting {
            flight: self,
            attempt,
            seat: None,
        }
    }

    fn room(&self) -> MutexGuard<'_, WaitingRoom> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitingRoom {
    fn end(&mut self, attempt: u64) -> BTreeMap<Seat, Waker> {
        if attempt <= self.ended {
            return BTreeMap::new();
        }
        self.ended = attempt;
        let first_to_stay = Seat {
            attempt: attempt.saturating_add(1),
            number: 0,
        };
        let stay = self.waiting.split_off(&first_to_stay);
        mem::replace(&mut self.waiting, stay)
    }

    fn next_seat(&mut self, attempt: u64) -> Seat {
        let number = self.next_seat;
        self.next_seat += 1;
        Seat { attempt, number }
    }
}

/// See [`Flight::wait`].
#[derive(Debug)]
#[must_use = "nobody waits before the first poll"]
pub(super) struct Waiting<'a> {
    flight: &'a Flight,
    attempt: u64,
    seat: Option<Seat>,
}

impl Future for Waiting<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker().clone();
        let mut room = self.flight.room();
        // The look and the seat are under one lock: no end fits between them.
        if room.ended >= self.attempt {
            return Poll::Ready(());
        }
        let seat = self.seat.unwrap_or_else(|| room.next_seat(self.attempt));
        let replaced = room.waiting.insert(seat, waker);
        drop(room);
        drop(replaced);
        self.seat = Some(seat);
        Poll::Pending
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(seat) = self.seat {
            let unused = self.flight.room().waiting.remove(&seat);
            drop(unused);
        }
    }
}
