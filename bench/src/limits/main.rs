//! What limits cost, what they keep from whom, and how much memory a flood of strangers can take.
//!
//! Everything is on loopback, bounded by counts and times, and stops by itself; its children stop with it.
//! Read counts, memory and ratios; absolute times belong to the machine.

mod cost;
#[path = "../policy/cpu.rs"]
mod cpu;
mod decisions;
mod flood;
#[path = "../host.rs"]
mod host;
mod latency;
mod process;
mod report;
mod rooms;
mod shared;
mod stand;
mod stranger;
#[path = "../keys/upstream.rs"]
mod upstream;
mod wire;

use std::{path::PathBuf, process::ExitCode};

use anstream::println;
use clap::{Parser, ValueEnum};
use report::Report;
use stand::Stand;

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Memory, in this process
    Rooms,
    /// Memory, over HTTP
    Flood,
    /// One decision, beside `governor`
    Decisions,
    /// One decision that replicas share, beside bare commands of Redis
    Shared,
    /// What good callers wait beside an attacker
    Latency,
    /// What a request costs the gate, with limits and without
    Cost,
}

/// Measures limits. Run it by `cargo xtask bench limits`.
#[derive(Debug, Parser)]
#[command(name = "oauthgate-bench-limits")]
struct Options {
    /// `oauthgate` of a release build
    #[arg(long)]
    oauthgate: PathBuf,
    /// Strangers over HTTP
    #[arg(long, default_value_t = 1_000_000)]
    flood: u64,
    /// Strangers in process
    #[arg(long, default_value_t = 10_000_000)]
    rooms: u64,
    /// Rounds; more make medians steadier
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            anstream::eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Whether every goal was met that no noise can miss.
fn run(options: &Options) -> Result<bool, String> {
    println!("{}, {} rounds\n", host::describe(), options.rounds);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
    let mut report = Report::default();
    let stand = runtime.block_on(Stand::start(&options.oauthgate))?;
    // First, because it looks at the memory of this process.
    if options.wants(Part::Rooms) {
        rooms::run(&runtime, &stand, options.rooms, &mut report)?;
    }
    if options.wants(Part::Flood) {
        flood::run(&stand, options.flood, &mut report)?;
    }
    if options.wants(Part::Latency) {
        latency::run(&stand, options.rounds, &mut report)?;
    }
    if options.wants(Part::Decisions) {
        decisions::run(options.rounds, &mut report);
    }
    if options.wants(Part::Shared) {
        shared::run(&runtime, options.rounds, &mut report)?;
    }
    if options.wants(Part::Cost) {
        cost::run(&stand, options.rounds, &mut report)?;
    }
    Ok(report.end())
}
