//! The authorization server goes away, the keys' life ends, and then the contender is restarted.

use std::time::Instant;

use futures_util::future::try_join_all;
use tempfile::TempDir;

use crate::{
    contender::Kind,
    issuer::Fault,
    load::Samples,
    report::{Figure, Goal, Row, Section},
    stand::{Bench, Stand},
};

struct Outcome {
    outage: Figure,
    restart: Figure,
}

/// No latency is measured, so all contenders live through it at the same time.
pub(super) async fn run(bench: &Bench) -> Result<Section, String> {
    let contenders = bench.contenders.iter();
    let outcomes = try_join_all(contenders.map(|kind| one(bench, *kind))).await?;
    let seconds = bench.plan.outage.as_secs();
    let row = |what: String, figure: fn(&Outcome) -> Figure| {
        Row::new(what, Goal::AtMost(0.0), outcomes.iter().map(figure))
    };
    Ok(Section {
        title: "outage after the keys' life".to_owned(),
        rows: vec![
            row(
                format!("refused in {seconds} s, half hanging, half resetting"),
                |outcome| outcome.outage.clone(),
            ),
            row("refused after a restart meanwhile".to_owned(), |outcome| {
                outcome.restart.clone()
            }),
        ],
    })
}

async fn one(bench: &Bench, kind: Kind) -> Result<Outcome, String> {
    let plan = &bench.plan;
    let state = TempDir::new().map_err(|error| format!("no temporary directory: {error}"))?;
    let mut stand = Stand::start_warm(bench, kind, |setup| {
        setup
            .with_life(plan.life)
            .with_state_directory(state.path().to_owned())
    })
    .await?;
    let clients = stand.good_clients();
    // Alive for some lives, then the outage begins; what is refused before the keys' end is not counted.
    let _ = clients.until(Instant::now() + 2 * plan.life).await;
    anstream::eprintln!("outage: {}", kind.name());
    stand.issuer.set(Fault::Hangs);
    let _ = clients.until(Instant::now() + plan.life).await;
    let mut outage = Samples::default();
    outage.extend(clients.until(Instant::now() + plan.outage / 2).await);
    stand.issuer.set(Fault::Resets);
    outage.extend(clients.until(Instant::now() + plan.outage / 2).await);
    stand.issuer.set(Fault::Hangs);
    anstream::eprintln!("restart in the outage: {}", kind.name());
    let restart = match stand.restart(bench).await {
        Ok(()) => refused(&clients.until(Instant::now() + plan.restart).await),
        Err(_) => Figure::failure("all: it does not start"),
    };
    Ok(Outcome {
        outage: refused(&outage),
        restart,
    })
}

fn refused(samples: &Samples) -> Figure {
    Figure::of(samples.refused(), samples.len())
}
