//! Every interleaving of callers, cancellations and ends around the single-flight cell.
//!
//! The cell is the product's own file. Only its primitives are replaced, by those of `loom`, which runs
//! each model once for every order in which its threads can meet. A caller that is never woken is a
//! deadlock there, and fails the test. The last models put the product's schedule behind a lock next to
//! the cell, as the key store does.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use flight::{Flight, Waiting};
use loom::{
    sync::{
        Condvar,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};
use oauthgate_remote::jwks::schedule::{
    ATTEMPT_LIMIT, Action, COOLDOWN, Demand, Freshness, Jitter, Schedule, Timing,
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

fn in_thread<S: 'static, T: 'static>(
    shared: &Arc<S>,
    run: impl FnOnce(&S) -> T + 'static,
) -> thread::JoinHandle<T> {
    let shared = shared.clone();
    thread::spawn(move || run(&shared))
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

const HOUR: Duration = Duration::from_secs(3_600);

/// The key store's skeleton: the schedule behind its lock, the cell, and the number of the attempt whose
/// answer is held.
struct Store {
    schedule: Mutex<Schedule>,
    starts: Mutex<Vec<Duration>>,
    flight: Flight,
    held: AtomicU64,
}

impl Store {
    fn new() -> Self {
        Self {
            schedule: Mutex::new(Schedule::new(Timing::new(HOUR, true))),
            starts: Mutex::new(Vec::new()),
            flight: Flight::new(),
            held: AtomicU64::new(0),
        }
    }

    /// Holds a set that was loaded at zero.
    fn loaded() -> Self {
        let store = Self::new();
        store.ask(Duration::ZERO, Demand::Upkeep);
        store.starts.lock().unwrap().clear();
        store
    }

    fn demand(&self, now: Duration, demand: Demand) -> Action {
        let mut schedule = self.schedule.lock().unwrap();
        let action = schedule.demand(now, demand, |_| true);
        if let Action::Fetch(_) = action {
            self.starts.lock().unwrap().push(now);
        }
        action
    }

    /// The answer is held before anybody is woken; the end of a lost attempt is nobody's concern.
    /// Relaxed, so that nothing but the cell orders it before the callers' look.
    fn finish(&self, now: Duration, number: u64) {
        let mut schedule = self.schedule.lock().unwrap();
        let current = schedule.succeeded(now, number, Freshness::default(), Jitter(0));
        if current {
            let before = self.held.swap(number, Ordering::Relaxed);
            assert!(before < number, "{number} replaced {before}");
        }
        drop(schedule);
        if current {
            self.flight.ended(number);
        }
    }

    fn fail(&self, now: Duration, number: u64) {
        let current = self
            .schedule
            .lock()
            .unwrap()
            .failed(now, number, None, Jitter(0));
        if current {
            self.flight.ended(number);
        }
    }

    /// A caller that starts an attempt sees it through, another waits for it. Returns what is held then.
    fn ask(&self, now: Duration, demand: Demand) -> u64 {
        match self.demand(now, demand) {
            Action::Fetch(number) => self.finish(now, number),
            Action::Join(number) => block_on(self.flight.wait(number)),
            Action::Rest => {}
        }
        self.held.load(Ordering::Relaxed)
    }
}

/// So many callers at the same moment, of whom nobody holds anything yet.
fn stampede<const OTHERS: usize>() {
    let store = Arc::new(Store::new());
    let ask = |store: &Store| store.ask(Duration::ZERO, Demand::Upkeep);
    let others = [(); OTHERS].map(|()| in_thread(&store, ask));
    assert_eq!(ask(&store), 1);
    for caller in others {
        assert_eq!(caller.join().unwrap(), 1);
    }
    assert_eq!(store.schedule.lock().unwrap().attempts(), 1);
}

#[test]
fn r5_callers_that_come_together_start_one_attempt_and_all_find_its_answer() {
    loom::model(stampede::<1>);
    // All orders of three would take minutes: those with at most three forced switches.
    let mut three = loom::model::Builder::new();
    three.preemption_bound = Some(3);
    three.check(stampede::<2>);
}

#[test]
fn d6_a_caller_that_started_an_attempt_may_leave_in_any_state() {
    loom::model(|| {
        let store = Arc::new(Store::new());
        let Action::Fetch(number) = store.demand(Duration::ZERO, Demand::Upkeep) else {
            panic!("nothing was started")
        };
        let attempt = in_thread(&store, move |store| store.finish(Duration::ZERO, number));
        let caller = in_thread(&store, |store| store.ask(Duration::ZERO, Demand::Upkeep));
        let (_, bell) = look_and_leave(&store.flight, number);
        attempt.join().unwrap();
        assert_eq!(caller.join().unwrap(), 1);
        assert_eq!(Arc::strong_count(&bell), 1);
    });
}

#[test]
fn d7_an_attempt_given_up_for_lost_ends_late_and_changes_nothing() {
    loom::model(|| {
        let store = Arc::new(Store::new());
        let Action::Fetch(slow) = store.demand(Duration::ZERO, Demand::Upkeep) else {
            panic!("nothing was started")
        };
        let late = in_thread(&store, move |store| store.finish(ATTEMPT_LIMIT, slow));
        let newer = in_thread(&store, |store| store.ask(ATTEMPT_LIMIT, Demand::Upkeep));
        block_on(store.flight.wait(slow));
        assert_ne!(store.held.load(Ordering::Relaxed), 0, "woken for nothing");
        late.join().unwrap();
        let held = newer.join().unwrap();
        let schedule = store.schedule.lock().unwrap();
        assert_eq!((held, schedule.is_fetching()), (schedule.attempts(), false));
    });
}

/// Callers read the clock before they get the lock, so the schedule may see time go back.
fn strangers_ask(end: fn(&Store, Duration, u64)) {
    let store = Arc::new(Store::loaded());
    let ask = |seconds| {
        in_thread(&store, move |store| {
            let now = Duration::from_secs(seconds);
            if let Action::Fetch(number) = store.demand(now, Demand::Stranger) {
                end(store, now, number);
            }
        })
    };
    let strangers = [100, 105, 111].map(ask);
    for stranger in strangers {
        stranger.join().unwrap();
    }
    let starts = store.starts.lock().unwrap();
    assert!((1..=2).contains(&starts.len()), "{starts:?}");
    let apart = |pair: &[Duration]| pair[1] >= pair[0] + COOLDOWN;
    assert!(starts.windows(2).all(apart), "{starts:?}");
}

#[test]
fn d3_the_strangers_budget_holds_in_every_order() {
    loom::model(|| strangers_ask(Store::finish));
    loom::model(|| strangers_ask(Store::fail));
}

#[test]
fn strangers_and_upkeep_together_start_no_more_than_either_may() {
    loom::model(|| {
        let store = Arc::new(Store::loaded());
        let ask = |demand| {
            in_thread(&store, move |store| {
                if let Action::Fetch(number) = store.demand(HOUR, demand) {
                    store.fail(HOUR, number);
                }
            })
        };
        let callers = [Demand::Upkeep, Demand::Stranger, Demand::Upkeep].map(ask);
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!(*store.starts.lock().unwrap(), [HOUR]);
    });
}
