//! What it costs that a policy reads bodies and lists: as a ratio to a gate, and to a layer, that reads none.
//!
//! All contenders take turns in every round, so that whatever else the machine does hits all of them.
//! Read the ratios; absolute times belong to the machine.

mod cpu;
mod gate;
#[path = "../host.rs"]
mod host;
mod library;
mod measure;
mod message;
mod upstream;

use std::{path::PathBuf, process::ExitCode};

use anstream::println;
use clap::Parser;
use gate::Cell;
use message::Filling;

const KIB: usize = 1024;
/// From a typical call to the longest message that a gate takes.
const SIZES: [usize; 5] = [KIB, 10 * KIB, 100 * KIB, 1024 * KIB, 4096 * KIB];
/// Tools in a list.
const TOOLS: [usize; 3] = [10, 100, 1000];

#[derive(Debug, Parser)]
struct Options {
    /// The release build of the gate
    #[arg(long)]
    oauthgate: PathBuf,
    /// Interleaved rounds; more make the minimum and the median steadier
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    println!("{}, {} rounds\n", host::describe(), options.rounds);
    library(options.rounds);
    match gate(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            anstream::eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

fn library(rounds: usize) {
    println!(
        "Library: CPU microseconds per request, minimum / median (ratio of minima to no rules)\n"
    );
    head();
    for filling in [Filling::Text, Filling::Records] {
        for bytes in SIZES {
            let figures = library::requests(rounds, bytes, filling);
            line(&format!("{}, {}", size(bytes), filling.name()), &figures);
        }
    }
    for count in TOOLS {
        line(
            &format!("list of {count} tools"),
            &library::lists(rounds, count),
        );
    }
    println!();
}

fn gate(options: &Options) -> Result<(), String> {
    println!(
        "Gate: CPU microseconds of the process per request, minimum / median (ratio of minima to no rules)\n"
    );
    head();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
    let stand = runtime.block_on(gate::Stand::start(&options.oauthgate))?;
    let calls = SIZES.map(|bytes| (size(bytes), Cell::call(bytes)));
    let lists = TOOLS.map(|count| (format!("list of {count} tools"), Cell::list(count)));
    for (name, cell) in calls.into_iter().chain(lists) {
        let figures = runtime.block_on(stand.measure(&cell, options.rounds))?;
        line(&name, &figures);
    }
    Ok(())
}

fn size(bytes: usize) -> String {
    match bytes / KIB {
        kib if kib < KIB => format!("{kib} KiB"),
        kib => format!("{} MiB", kib / KIB),
    }
}

fn head() {
    println!(
        "{:<32} {:>22} {:>30} {:>30} {:>30}",
        "", "no rules", "10 rules", "100 rules", "1,000 rules"
    );
}

fn line(name: &str, [none, more @ ..]: &[measure::Figures; 4]) {
    let more = more
        .iter()
        .map(|figures| format!("{:>30}", figures.beside(none)));
    let more = more.collect::<Vec<_>>().join(" ");
    println!("{name:<32} {:>22} {more}", none.plain());
}
