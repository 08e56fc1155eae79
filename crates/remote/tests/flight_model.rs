//! Every interleaving of callers, cancellations and ends around the single-flight cell.
//!
//! The cell and the schedule are the product's own files. Only their primitives are replaced, by those
//! of `loom`, which runs each model once for every order in which its threads can meet. A caller that
//! is never woken is a deadlock there, and fails the test.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use flight::{Flight, Waiting};
use loom::{
    sync::{
        Condvar,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use sync::Mutex;

#[path = "../src/jwks/flight.rs"]
mod flight;

mod sync {
    pub(crate) use loom::sync::{Mutex, MutexGuard};
}

/// Wakes the thread that waits in [`block_on`]. The reference count is the standard library's, so that
/// cloning a waker is no step of its own: fewer orders, none of them another behaviour.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().unwrap() = true;
        self.rings.notify_one();
    }
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.rings.wait(rung).unwrap();
        }
        *rung = false;
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut future = pin!(future);
    while future
        .as_mut()
        .poll(&mut Context::from_waker(&waker))
        .is_pending()
    {
        bell.wait();
    }
}

/// A caller that asks once and goes away. Returns what it heard, and its waker: whoever holds a clone
/// has not forgotten it.
fn look_and_leave(flight: &Flight, attempt: u64) -> (Poll<()>, Arc<Bell>) {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut waiting = pin!(flight.wait(attempt));
    let heard = waiting.as_mut().poll(&mut Context::from_waker(&waker));
    (heard, bell)
}

fn is_over(flight: &Flight, attempt: u64) -> bool {
    look_and_leave(flight, attempt).0.is_ready()
}

fn in_thread<T: 'static>(
    flight: &Arc<Flight>,
    run: impl FnOnce(&Flight) -> T + 'static,
) -> thread::JoinHandle<T> {
    let flight = flight.clone();
    thread::spawn(move || run(&flight))
}

#[test]
fn no_wake_up_is_lost_between_the_look_and_the_wait() {
    loom::model(|| {
        let flight = Arc::new(Flight::new());
        let callers = [(); 2].map(|()| in_thread(&flight, |flight| block_on(flight.wait(1))));
        flight.ended(1);
        for caller in callers {
            caller.join().unwrap();
        }
    });
}

#[test]
fn d6_a_caller_that_leaves_is_forgotten_and_costs_nobody_the_wake_up() {
    loom::model(|| {
        let flight = Arc::new(Flight::new());
        let leaver = in_thread(&flight, |flight| look_and_leave(flight, 1).1);
        let caller = in_thread(&flight, |flight| block_on(flight.wait(1)));
        flight.ended(1);
        caller.join().unwrap();
        assert_eq!(Arc::strong_count(&leaver.join().unwrap()), 1);
    });
}

#[test]
fn h3_callers_that_leave_before_any_end_leave_nothing_behind() {
    loom::model(|| {
        let flight = Arc::new(Flight::new());
        let leavers = [1, 2]
            .map(|attempt| in_thread(&flight, move |flight| look_and_leave(flight, attempt).1));
        let bells = leavers.map(|leaver| leaver.join().unwrap());
        assert!(bells.iter().all(|bell| Arc::strong_count(bell) == 1));
    });
}

#[test]
fn d7_the_late_end_of_an_older_attempt_wakes_no_newer_caller_and_takes_nothing_back() {
    loom::model(|| {
        let flight = Arc::new(Flight::new());
        let newer_is_over = Arc::new(AtomicBool::new(false));
        let late = in_thread(&flight, |flight| flight.ended(1));
        let caller = in_thread(&flight, {
            let newer_is_over = newer_is_over.clone();
            move |flight| {
                block_on(flight.wait(2));
                assert!(newer_is_over.load(Ordering::SeqCst));
            }
        });
        newer_is_over.store(true, Ordering::SeqCst);
        flight.ended(2);
        late.join().unwrap();
        caller.join().unwrap();
        assert!(is_over(&flight, 1) && is_over(&flight, 2) && !is_over(&flight, 3));
    });
}

#[test]
fn the_end_of_an_older_attempt_rings_no_bell_of_a_newer_caller() {
    loom::model(|| {
        let flight = Arc::new(Flight::new());
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let mut waiting = pin!(flight.wait(2));
        let late = in_thread(&flight, |flight| flight.ended(1));
        let heard = waiting.as_mut().poll(&mut Context::from_waker(&waker));
        late.join().unwrap();
        assert!(heard.is_pending() && !*bell.rung.lock().unwrap());
    });
}

#[test]
fn the_end_of_a_newer_attempt_ends_the_wait_for_one_given_up_for_lost() {
    loom::model(|| {
        let flight = Arc::new(Flight::new());
        let caller = in_thread(&flight, |flight| block_on(flight.wait(1)));
        let quick = in_thread(&flight, |flight| is_over(flight, 3));
        flight.ended(2);
        caller.join().unwrap();
        assert!(!quick.join().unwrap());
    });
}

/// Foreign code in a waker: it comes back to the cell when it is woken and when it is dropped.
struct ComesBack(Arc<Flight>);

impl Wake for ComesBack {
    fn wake(self: Arc<Self>) {
        assert!(is_over(&self.0, 1));
    }
}

impl Drop for ComesBack {
    fn drop(&mut self) {
        assert!(!is_over(&self.0, 9));
    }
}

#[test]
fn a_waker_may_come_back_to_the_cell_that_wakes_or_drops_it() {
    loom::model(|| {
        let flight = Arc::new(Flight::new());
        let waker = || Waker::from(Arc::new(ComesBack(flight.clone())));
        let poll = |waiting: &mut Waiting<'_>| {
            let waker = waker();
            pin!(waiting).poll(&mut Context::from_waker(&waker))
        };
        let (mut leaving, mut woken) = (flight.wait(1), flight.wait(1));
        assert!(poll(&mut leaving).is_pending() && poll(&mut leaving).is_pending());
        assert!(poll(&mut woken).is_pending());
        drop(leaving);
        flight.ended(1);
        assert!(poll(&mut woken).is_ready());
    });
}
