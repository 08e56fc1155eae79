//! New keys sign: one that was published before, and one that nobody saw before its first token.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::{
    contender::Kind,
    load::Samples,
    plan::Plan,
    report::{Figure, Goal, Row, Section},
    stand::{Bench, Stand},
    token::SigningKey,
};

/// A new key is watched at least so long.
const AT_LEAST: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_secs(1);

struct Outcome {
    announced: Samples,
    unannounced: Samples,
    attacked: Samples,
}

/// No latency is measured, so all contenders rotate at the same time.
pub(super) async fn run(bench: &Bench) -> Result<Section, String> {
    let contenders = bench.contenders.iter();
    let outcomes = try_join_all(contenders.map(|kind| one(bench, *kind))).await?;
    let patience = bench.plan.rotation;
    let row = |what: &str, goal: f64, figure: &dyn Fn(&Outcome) -> Figure| {
        Row::new(what, Goal::AtMost(goal), outcomes.iter().map(figure))
    };
    let told = |what: &str, figure: &dyn Fn(&Outcome) -> Figure| {
        Row::new(what, Goal::None, outcomes.iter().map(figure))
    };
    Ok(Section {
        title: "rotation".to_owned(),
        rows: vec![
            row("published before it signs: refused", 0.0, &|outcome| {
                refused(&outcome.announced)
            }),
            row(
                "published before it signs: accepted after",
                1.0,
                &|outcome| accepted(&outcome.announced, patience),
            ),
            row("not published before: refused", 0.0, &|outcome| {
                refused(&outcome.unannounced)
            }),
            row("not published before: accepted after", 1.0, &|outcome| {
                accepted(&outcome.unannounced, patience)
            }),
            told("the same in a flood of random kids: refused", &|outcome| {
                refused(&outcome.attacked)
            }),
            told(
                "the same in a flood of random kids: accepted after",
                &|outcome| accepted(&outcome.attacked, patience),
            ),
        ],
    })
}

async fn one(bench: &Bench, kind: Kind) -> Result<Outcome, String> {
    let plan = &bench.plan;
    let stand = Stand::start_warm(bench, kind, |setup| setup).await?;
    tokio::time::sleep(plan.settle).await;
    anstream::eprintln!("rotation, published before it signs: {}", kind.name());
    let second = SigningKey::generate("second");
    stand.issuer.publish(&[&stand.key, &second]);
    tokio::time::sleep(plan.lead).await;
    let announced = watch(&stand, &second, plan).await;
    tokio::time::sleep(plan.settle).await;
    anstream::eprintln!("rotation, not published before: {}", kind.name());
    let third = SigningKey::generate("third");
    stand.issuer.publish(&[&third]);
    let unannounced = watch(&stand, &third, plan).await;
    anstream::eprintln!("rotation in a flood of random kids: {}", kind.name());
    let fourth = SigningKey::generate("fourth");
    let attacked = async {
        tokio::time::sleep(plan.settle).await;
        stand.issuer.publish(&[&fourth]);
        watch(&stand, &fourth, plan).await
    };
    let strangers = stand.strangers();
    let attacked = tokio::select! {
        attacked = attacked => attacked,
        _ = strangers.until(Instant::now() + plan.limit) => Samples::default(),
    };
    Ok(Outcome {
        announced,
        unannounced,
        attacked,
    })
}

/// Good clients with the new key, until it is accepted for good.
async fn watch(stand: &Stand, key: &SigningKey, plan: &Plan) -> Samples {
    let clients = stand.good_clients_with(key);
    let begin = Instant::now();
    let mut samples = Samples::default();
    loop {
        let step = clients.until(Instant::now() + STEP).await;
        let is_settled = step.refused() == 0 && begin.elapsed() >= AT_LEAST;
        samples.extend(step);
        if is_settled || begin.elapsed() >= plan.rotation {
            return samples;
        }
    }
}

fn refused(samples: &Samples) -> Figure {
    Figure::of(samples.refused(), samples.len())
}

fn accepted(samples: &Samples, patience: Duration) -> Figure {
    let after = samples.until_accepted();
    after.map_or_else(|| Figure::longer_than(patience), Figure::seconds)
}
