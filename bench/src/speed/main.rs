//! How fast the gate is, beside everybody who does the same and beside those who do less, in one run: processor time,
//! latency, memory, start, and what one validation costs.
//!
//! Everything is on loopback and bounded; it stops by itself, and its children stop with it. The server under test has
//! a core for itself, the load, the server behind and the issuer share another. The contenders take turns in every
//! round, so that whatever else the machine does hits all of them. Read the ratios; absolute times belong to the machine.

mod allocations;
mod child;
mod client;
mod contender;
mod cores;
mod gate;
mod hits;
#[path = "../host.rs"]
mod host;
mod issuer;
mod latency;
#[path = "../contenders.rs"]
mod libraries;
mod library;
mod memory;
mod options;
mod paper;
mod plan;
mod report;
mod requests;
#[path = "../token.rs"]
mod token;
mod upstream;
mod wheel;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use contender::Stand;
use cores::Cores;
use issuer::Issuer;
use options::{Options, Part};
use plan::Plan;
use report::Report;
use requests::Requests;
use tokio::signal::unix::{SignalKind, signal};
use wheel::Wheel;

fn main() -> ExitCode {
    let options = Options::parse();
    let plan = Plan::new(options.quick, options.rounds.map(usize::from));
    let end = end_at(&plan);
    match end.and_then(|end| run(&options, &plan, end)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            anstream::eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Whether every goal was met.
fn run(options: &Options, plan: &Plan, end: Arc<AtomicBool>) -> Result<bool, String> {
    let cannot = |error: std::io::Error| error.to_string();
    let begin = Instant::now();
    let cores = Cores::choose().map_err(cannot)?;
    let machine = host::describe();
    let issuer = Issuer::start().map_err(cannot)?;
    let requests = Requests::new(&issuer, plan.tokens());
    cores.become_load().map_err(cannot)?;
    cores::allow_many_descriptors().map_err(cannot)?;
    let mut wheel = Wheel::new(end).map_err(cannot)?;
    let parts = options.parts().map_err(cannot)?;
    let stand = Stand {
        cores,
        parts,
        issuer,
        upstream_port: wheel.upstream_port().map_err(cannot)?,
    };
    let mut report = Report::default();
    report.say(&format!(
        "{}; {}; {} rounds{}.",
        machine,
        cores.describe(),
        plan.rounds,
        if options.quick {
            ", a quick run: not to be quoted"
        } else {
            ""
        },
    ));
    report.say(&format!("{}.", stand.parts.versions()));
    let mut times = Vec::new();
    for part in options.parts_to_measure() {
        let begin = Instant::now();
        let done = measure(part, &stand, &mut wheel, &requests, plan, &mut report);
        wheel.is_to_go_on()?;
        if let Err(problem) = done {
            report.without(&part.name(), &problem);
        }
        times.push(format!("{} {}", part.name(), minutes(begin)));
    }
    let all_met = report.end();
    report.say(&format!(
        "`{}` took {} minutes: {}.",
        options.command(),
        minutes(begin),
        times.join(", ")
    ));
    if let Some(file) = &options.markdown {
        paper::write(file, report.markdown())?;
    }
    Ok(all_met)
}

fn minutes(since: Instant) -> String {
    format!("{:.1}", since.elapsed().as_secs_f64() / 60.0)
}

fn measure(
    part: Part,
    stand: &Stand,
    wheel: &mut Wheel,
    requests: &Requests,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), String> {
    match part {
        Part::Library => library::run(stand, plan, report),
        Part::Tokens => {
            allocations::run(stand, report)?;
            hits::run(stand, requests, plan, report)
        }
        Part::Gate => gate::run(stand, wheel, requests, plan, report),
        Part::Latency => latency::run(stand, wheel, requests, plan, report),
        Part::Memory => memory::run(stand, wheel, requests, plan, report),
    }
}

/// Becomes true once the run took too long or somebody wants it to end; then all values, and with them the children,
/// are dropped in order.
fn end_at(plan: &Plan) -> Result<Arc<AtomicBool>, String> {
    let end = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let (reached, limit) = (Arc::clone(&end), plan.limit);
    thread::spawn(move || {
        runtime.block_on(wish_to_end(limit));
        reached.store(true, Ordering::Relaxed);
    });
    Ok(end)
}

async fn wish_to_end(limit: Duration) {
    let wishes = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let first = wishes.map(|wish| {
        Box::pin(async move {
            match signal(wish) {
                Ok(mut wish) => wish.recv().await,
                Err(_) => std::future::pending().await,
            }
        })
    });
    let _ = tokio::time::timeout(limit, futures_util::future::select_all(first)).await;
}
