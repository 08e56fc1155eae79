//! Key caches under attack, outage and rotation, side by side in one run: ours (the real `oauthgate serve`),
//! npm `jose`, PyJWT's `PyJWKClient` and Envoy's `remote_jwks`.
//!
//! Everything is on loopback: an authorization server that counts and fails on demand, the contenders as
//! processes of their own, and the load. It stops by itself, and its children stop with it.
//! Read counts and ratios; absolute times belong to the machine.

mod contender;
#[path = "../host.rs"]
mod host;
mod issuer;
mod load;
mod machine;
mod options;
mod plan;
mod report;
mod scenario;
mod stand;
mod token;
mod upstream;

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use options::Options;
use plan::Plan;
use report::Report;
use stand::Bench;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let plan = Plan::new(options.quick);
    let limit = plan.limit;
    let done = tokio::select! {
        done = run(&options, plan) => done,
        () = interrupted() => Err("interrupted".to_owned()),
        () = tokio::time::sleep(limit) => Err(format!("not done within {} min", limit.as_secs() / 60)),
    };
    match done {
        Ok(report) if report.meets_countable_goals() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(problem) => {
            anstream::eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

async fn run(options: &Options, plan: Plan) -> Result<Report, String> {
    let begin = Instant::now();
    let parts = options
        .parts()
        .map_err(|error| format!("no working directory: {error}"))?;
    let bench = Bench::start(options.contenders(&parts), parts, plan).await?;
    anstream::println!("{}\n", machine::describe(&bench));
    let mut report = Report::new(&bench);
    for scenario in options.scenarios() {
        let sections = scenario.run(&bench).await?;
        sections.iter().for_each(|section| report.print(section));
        report.extend(sections);
    }
    anstream::println!("{}", report.verdict(begin.elapsed()));
    Ok(report)
}

/// Until somebody wants this process to end.
async fn interrupted() {
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
    futures_util::future::select_all(first).await;
}
