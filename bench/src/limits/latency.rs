//! What callers with good tokens wait while somebody at the same address sends bad ones.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    flood::shown,
    report::{Goal, Report, median},
    stand::{Gate, Stand},
    stranger::Forger,
    wire::{Statuses, Wire},
};

const GOOD_CONNECTIONS: usize = 4;
const GOOD_PAUSE: Duration = Duration::from_millis(10);
const BAD_CONNECTIONS: u32 = 4;
const BAD_PER_SECOND: u32 = 400;
const WINDOW: Duration = Duration::from_secs(5);
const MOST: f64 = 1.2;

/// What good callers heard, and how long each waited.
#[derive(Default)]
struct Window {
    waits: Vec<Duration>,
    heard: Statuses,
}

impl Window {
    /// Nearest rank, in microseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.waits.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted[rank.saturating_sub(1)].as_secs_f64() * 1e6
    }

    fn extend(&mut self, other: Self) {
        self.waits.extend(other.waits);
        for (status, count) in other.heard {
            *self.heard.entry(status).or_default() += count;
        }
    }
}

/// Quiet windows and attacks take turns.
pub(crate) fn run(stand: &Stand, rounds: usize, report: &mut Report) -> Result<(), String> {
    measure(stand, rounds, report).map_err(|error| format!("latency: {error}"))
}

fn measure(stand: &Stand, rounds: usize, report: &mut Report) -> io::Result<()> {
    let gate = stand.gate(&[], "").map_err(io::Error::other)?;
    let attacker = Attacker::new(&gate);
    let mut bad = Statuses::new();
    // The budget of this address is spent before anything is measured.
    attacker.during(Duration::from_secs(2), &mut Statuses::new())?;
    let (mut p50, mut p99, mut good) = (Vec::new(), Vec::new(), Window::default());
    for _ in 0..rounds {
        let quiet = good_callers(&gate)?;
        let attacked = thread::scope(|scope| {
            let attack = scope.spawn(|| attacker.during(WINDOW, &mut bad));
            let attacked = good_callers(&gate)?;
            attack.join().map_err(|_| io::Error::other("a panic"))??;
            io::Result::Ok(attacked)
        })?;
        p50.push(attacked.percentile(50) / quiet.percentile(50));
        p99.push(attacked.percentile(99) / quiet.percentile(99));
        good.extend(quiet);
        good.extend(attacked);
    }
    let sent: u64 = bad.values().sum();
    let rate = sent as f64 / (WINDOW.as_secs_f64() * rounds as f64);
    report.line(
        "bad tokens from the address of good callers, its budget spent: per second",
        rate,
        &format!("{rate:.0}"),
        Goal::AtLeast(300.0),
    );
    report.tell("  they heard", &shown(&bad));
    let refused = good.waits.len() as u64 - good.heard.get(&200).copied().unwrap_or_default();
    report.line(
        "  good requests refused",
        refused as f64,
        &format!("{refused} of {}", good.waits.len()),
        Goal::AtMost(0.0),
    );
    let [p50, p99] = [p50, p99].map(|ratios| (spread(&ratios), median(ratios)));
    report.tell("  p50 of good requests, attacked : quiet", &p50.0);
    report.line(
        "  p99 of good requests, attacked : quiet",
        p99.1,
        &p99.0,
        Goal::QuietlyAtMost(MOST),
    );
    Ok(())
}

/// The median of the rounds, and from where to where they went.
fn spread(ratios: &[f64]) -> String {
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    format!("{:.2}x ({least:.2}–{most:.2})", median(ratios.to_vec()))
}

fn good_callers(gate: &Gate) -> io::Result<Window> {
    thread::scope(|scope| {
        let callers: Vec<_> = (0..GOOD_CONNECTIONS)
            .map(|_| scope.spawn(|| good_caller(gate)))
            .collect();
        let mut all = Window::default();
        for caller in callers {
            all.extend(caller.join().map_err(|_| io::Error::other("a panic"))??);
        }
        Ok(all)
    })
}

fn good_caller(gate: &Gate) -> io::Result<Window> {
    let mut window = Window::default();
    let mut wire = Wire::open(gate.port)?;
    let request = gate.request(&gate.token, None);
    let end = Instant::now() + WINDOW;
    while Instant::now() < end {
        let begin = Instant::now();
        wire.exchange(&request, 1, &mut window.heard)?;
        window.waits.push(begin.elapsed());
        thread::sleep(GOOD_PAUSE);
    }
    Ok(window)
}

/// Somebody with a new bad token for every request.
struct Attacker<'g> {
    gate: &'g Gate,
    forger: Forger,
    next: AtomicU64,
}

impl<'g> Attacker<'g> {
    fn new(gate: &'g Gate) -> Self {
        Self {
            forger: Forger::of(&gate.token),
            next: AtomicU64::new(0),
            gate,
        }
    }

    fn during(&self, time: Duration, heard: &mut Statuses) -> io::Result<()> {
        thread::scope(|scope| {
            let connections: Vec<_> = (0..BAD_CONNECTIONS)
                .map(|_| scope.spawn(|| self.one(time)))
                .collect();
            for connection in connections {
                let one = connection
                    .join()
                    .map_err(|_| io::Error::other("a panic"))??;
                for (status, count) in one {
                    *heard.entry(status).or_default() += count;
                }
            }
            Ok(())
        })
    }

    fn one(&self, time: Duration) -> io::Result<Statuses> {
        let every = Duration::from_secs(1) * BAD_CONNECTIONS / BAD_PER_SECOND;
        let mut heard = Statuses::new();
        let mut wire = Wire::open(self.gate.port)?;
        let begin = Instant::now();
        let mut due = begin;
        while begin.elapsed() < time {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let request = self.gate.request(&self.forger.token(number), None);
            wire.exchange(&request, 1, &mut heard)?;
            due += every;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(heard)
    }
}
