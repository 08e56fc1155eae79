//! Strangers come before any key was ever loaded. Whoever fetches by himself does so in this state again and
//! again, so a twin that nobody asks shows how many fetches the strangers caused.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::{
    contender::Kind,
    issuer::Fault,
    report::{Figure, Goal, Row, Section},
    stand::{Bench, Stand},
};

const STATES: [(&str, Fault); 3] = [
    ("an empty key set", Fault::Empty),
    ("status 500", Fault::Fails),
    ("no answer", Fault::Hangs),
];
/// Fetches are told per so much time.
const PERIOD: Duration = Duration::from_secs(10);

/// No latency is measured, so all contenders are flooded at the same time.
pub(super) async fn run(bench: &Bench) -> Result<Section, String> {
    let mut rows = Vec::new();
    for (name, fault) in STATES {
        anstream::eprintln!("random kids before any key, {name}");
        let contenders = bench.contenders.iter();
        let figures = try_join_all(contenders.map(|kind| one(bench, *kind, fault))).await?;
        rows.push(Row::new(name, Goal::AtMost(1.0), figures));
    }
    Ok(Section {
        title: "before any key: fetches in 10 s because of random kids (because of nobody)"
            .to_owned(),
        rows,
    })
}

async fn one(bench: &Bench, kind: Kind, fault: Fault) -> Result<Figure, String> {
    let (flooded, twin) = tokio::try_join!(
        Stand::start(bench, kind, fault, |setup| setup),
        Stand::start(bench, kind, fault, |setup| setup)
    )?;
    let end = Instant::now() + bench.plan.keyless;
    flooded.strangers().until(end).await;
    let periods = bench.plan.keyless.as_secs_f64() / PERIOD.as_secs_f64();
    let [with, without] = [flooded, twin].map(|stand| {
        let fetches = stand.issuer.fetches();
        // Without metadata nobody knows where the keys are.
        fetches.jwks.len().max(fetches.discovery.len()) as f64 / periods
    });
    let caused = (with - without).max(0.0);
    Ok(Figure {
        value: caused,
        text: format!("{caused:.1} ({without:.1})"),
    })
}
