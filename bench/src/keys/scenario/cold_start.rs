//! A thousand clients are there when the process starts.

use std::time::Duration;

use crate::{
    contender::Kind,
    issuer::Fault,
    report::{Figure, Goal, Row, Section},
    stand::{Bench, Stand},
};

/// The authorization server's answers take long enough for all clients to arrive meanwhile.
const ANSWER: Fault = Fault::Answers(Duration::from_millis(250));
/// Fetches that end after the last answer count as well.
const AFTERWARDS: Duration = Duration::from_secs(1);

struct Outcome {
    discovery: usize,
    jwks: usize,
    refused: Figure,
}

pub(super) async fn run(bench: &Bench) -> Result<Section, String> {
    let mut outcomes = Vec::new();
    for kind in &bench.contenders {
        anstream::eprintln!("cold start: {}", kind.name());
        outcomes.push(one(bench, *kind).await?);
    }
    let row = |what: &str, most: f64, figure: fn(&Outcome) -> Figure| {
        Row::new(what, Goal::AtMost(most), outcomes.iter().map(figure))
    };
    Ok(Section {
        title: format!("{} first requests at once", bench.plan.first_requests),
        rows: vec![
            row("JWKS fetches", 1.0, |outcome| Figure::count(outcome.jwks)),
            row("discovery fetches", 1.0, |outcome| {
                Figure::count(outcome.discovery)
            }),
            row("good requests refused", 0.0, |outcome| {
                outcome.refused.clone()
            }),
        ],
    })
}

async fn one(bench: &Bench, kind: Kind) -> Result<Outcome, String> {
    let stand = Stand::start(bench, kind, ANSWER, |setup| setup).await?;
    let requests = bench.plan.first_requests;
    let samples = stand.good_clients().all_at_once(requests).await;
    tokio::time::sleep(AFTERWARDS).await;
    let fetches = stand.issuer.fetches();
    Ok(Outcome {
        discovery: fetches.discovery.len(),
        jwks: fetches.jwks.len(),
        refused: Figure::of(samples.refused(), samples.len()),
    })
}
