//! A flood of strangers through a proxy that the gate trusts: its memory, and what good callers hear meanwhile.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    process::memory,
    report::{Goal, Report, grouped},
    stand::{Gate, Stand},
    stranger::{Forger, address},
    wire::{Statuses, Wire},
};

/// Connections of the proxy, each with a thread.
const CONNECTIONS: usize = 4;
/// Requests that are written before the first is answered.
const PIPELINED: u64 = 32;
/// However many strangers were asked for, the flood ends after this.
const LONGEST: Duration = Duration::from_secs(20 * 60);
/// A good caller asks this often meanwhile.
const GOOD_PAUSE: Duration = Duration::from_millis(50);
const GOOD_ADDRESS: &str = "198.51.100.7";
/// What the issue grants, in MiB.
const MOST_GROWTH: f64 = 64.0;

/// The flood as it runs.
struct Flood<'g> {
    gate: &'g Gate,
    forger: Forger,
    strangers: u64,
    next: AtomicU64,
    end: Instant,
    heard: Mutex<Statuses>,
}

/// Every stranger sends one token to a gate that counts refused tokens and quotas.
pub(crate) fn run(stand: &Stand, strangers: u64, report: &mut Report) -> Result<(), String> {
    let trusts = [("OAUTHGATE_TRUSTED_PROXIES", "127.0.0.1")];
    let gate = stand.gate(&trusts, "")?;
    let before = memory(gate.process.id()).map_err(|error| failed(&error))?;
    let flood = Flood {
        forger: Forger::of(&gate.token),
        gate: &gate,
        strangers,
        next: AtomicU64::new(0),
        end: Instant::now() + LONGEST,
        heard: Mutex::default(),
    };
    let begin = Instant::now();
    let good = flood.run().map_err(|error| failed(&error))?;
    let took = begin.elapsed().as_secs_f64();
    let after = memory(gate.process.id()).map_err(|error| failed(&error))?;
    let heard = flood
        .heard
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let sent: u64 = heard.values().sum();
    let name = format!("{} strangers over HTTP", grouped(sent));
    report.tell(&format!("{name}: they heard"), &shown(&heard));
    report.tell(
        &format!("{name}: requests per second"),
        &format!("{:.0}", sent as f64 / took),
    );
    let passed = heard.get(&200).copied().unwrap_or_default();
    report.line(
        "  of them let through",
        passed as f64,
        &grouped(passed),
        Goal::AtMost(0.0),
    );
    let all: u64 = good.values().sum();
    let refused = all - good.get(&200).copied().unwrap_or_default();
    report.line(
        "  good requests refused meanwhile",
        refused as f64,
        &format!("{} of {}", grouped(refused), grouped(all)),
        Goal::AtMost(0.0),
    );
    report.tell(
        "  resident memory of the gate before",
        &mib(before.resident),
    );
    for (what, kib) in [("after", after.resident), ("at its highest", after.highest)] {
        let grown = kib.saturating_sub(before.resident);
        report.line(
            &format!("  resident memory {what}: grown by, in MiB"),
            grown as f64 / 1024.0,
            &mib(grown),
            Goal::AtMost(MOST_GROWTH),
        );
    }
    Ok(())
}

impl Flood<'_> {
    /// What the good caller heard.
    fn run(&self) -> io::Result<Statuses> {
        thread::scope(|scope| {
            let strangers: Vec<_> = (0..CONNECTIONS)
                .map(|_| scope.spawn(|| self.one()))
                .collect();
            let good = self.good(|| strangers.iter().all(thread::ScopedJoinHandle::is_finished))?;
            for stranger in strangers {
                let heard = stranger.join().map_err(|_| io::Error::other("a panic"))??;
                let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                for (status, count) in heard {
                    *all.entry(status).or_default() += count;
                }
            }
            Ok(good)
        })
    }

    /// One connection of the proxy.
    fn one(&self) -> io::Result<Statuses> {
        let mut heard = Statuses::new();
        let mut wire = Wire::open(self.gate.port)?;
        let mut requests = Vec::new();
        loop {
            let first = self.next.fetch_add(PIPELINED, Ordering::Relaxed);
            let last = self.strangers.min(first + PIPELINED);
            if first >= last || Instant::now() > self.end {
                return Ok(heard);
            }
            requests.clear();
            for number in first..last {
                let address = address(number).to_string();
                let token = self.forger.token(number);
                requests.extend(self.gate.request(&token, Some(&address)));
            }
            let count = usize::try_from(last - first).expect("a few");
            wire.exchange(&requests, count, &mut heard)?;
        }
    }

    /// Somebody with a good token, until the flood is over.
    fn good(&self, is_over: impl Fn() -> bool) -> io::Result<Statuses> {
        let mut heard = Statuses::new();
        let mut wire = Wire::open(self.gate.port)?;
        let request = self.gate.request(&self.gate.token, Some(GOOD_ADDRESS));
        while !is_over() {
            wire.exchange(&request, 1, &mut heard)?;
            thread::sleep(GOOD_PAUSE);
        }
        Ok(heard)
    }
}

pub(crate) fn shown(heard: &Statuses) -> String {
    let parts = heard
        .iter()
        .map(|(status, count)| format!("{status}: {}", grouped(*count)));
    parts.collect::<Vec<_>>().join(", ")
}

pub(crate) fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

fn failed(error: &io::Error) -> String {
    format!("the flood failed: {error}")
}
