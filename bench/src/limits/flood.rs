//! A flood of strangers through a proxy that the gate trusts: its memory, and what good callers hear meanwhile.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
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

/// Everybody may ping, and whoever has no token is counted by where it comes from.
const RESOURCE: &str = r#"
[[resource.rule]]
name = "pings"
methods = ["ping"]
anonymous = true

[[resource.rule]]
name = "everything"
methods = ["*"]

[[resource.limit]]
name = "per-user"
by = ["subject"]
rate = "600/s"
"#;
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// What strangers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A token of its own.
    BadToken,
    /// No token, where none is needed: its quota is counted.
    NoToken,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::BadToken => "strangers over HTTP",
            Self::NoToken => "callers without a token over HTTP",
        }
    }
}

/// The flood as it runs.
struct Flood<'g> {
    gate: &'g Gate,
    kind: Kind,
    forger: Forger,
    strangers: u64,
    next: AtomicU64,
    end: Instant,
}

/// Every stranger sends one token to a gate that counts refused tokens and quotas; then a tenth as many come
/// to another gate without one.
pub(crate) fn run(stand: &Stand, strangers: u64, report: &mut Report) -> Result<(), String> {
    for (kind, strangers) in [(Kind::BadToken, strangers), (Kind::NoToken, strangers / 10)] {
        let trusts = [("OAUTHGATE_TRUSTED_PROXIES", "127.0.0.1")];
        let gate = stand.gate(&trusts, RESOURCE)?;
        one(&gate, kind, strangers, report)
            .map_err(|error| format!("the flood failed: {error}"))?;
    }
    Ok(())
}

fn one(gate: &Gate, kind: Kind, strangers: u64, report: &mut Report) -> io::Result<()> {
    let before = memory(gate.process.id())?;
    let flood = Flood {
        forger: Forger::of(&gate.token),
        kind,
        gate,
        strangers,
        next: AtomicU64::new(0),
        end: Instant::now() + LONGEST,
    };
    let begin = Instant::now();
    let (heard, good) = flood.run()?;
    let took = begin.elapsed().as_secs_f64();
    let after = memory(gate.process.id())?;
    let sent: u64 = heard.values().sum();
    let name = format!("{} {}", grouped(sent), kind.name());
    report.tell(&format!("{name}: they heard"), &shown(&heard));
    report.tell(
        "  requests per second",
        &format!("{:.0}", sent as f64 / took),
    );
    if kind == Kind::BadToken {
        let passed = passed(&heard);
        let text = grouped(passed);
        report.line(
            "  of them let through",
            passed as f64,
            &text,
            Goal::AtMost(0.0),
        );
    }
    let all: u64 = good.values().sum();
    let refused = all - passed(&good);
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

fn passed(heard: &Statuses) -> u64 {
    heard.get(&200).copied().unwrap_or_default()
}

impl Flood<'_> {
    /// What strangers heard, and the good caller.
    fn run(&self) -> io::Result<(Statuses, Statuses)> {
        thread::scope(|scope| {
            let strangers: Vec<_> = (0..CONNECTIONS)
                .map(|_| scope.spawn(|| self.one()))
                .collect();
            let good = self.good(|| strangers.iter().all(thread::ScopedJoinHandle::is_finished))?;
            let mut all = Statuses::new();
            for stranger in strangers {
                let heard = stranger.join().map_err(|_| io::Error::other("a panic"))??;
                for (status, count) in heard {
                    *all.entry(status).or_default() += count;
                }
            }
            Ok((all, good))
        })
    }

    fn request(&self, number: u64) -> Vec<u8> {
        let address = address(number).to_string();
        match self.kind {
            Kind::BadToken => self
                .gate
                .request(&self.forger.token(number), Some(&address)),
            Kind::NoToken => self.gate.ping(&address, PING),
        }
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
                requests.extend(self.request(number));
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
