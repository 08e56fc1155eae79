//! Strangers send tokens with random kids, while the key set's endpoint is fast, slow, or dead.

use std::time::{Duration, Instant};

use crate::{
    issuer::Fault,
    load::Samples,
    report::{Figure, Goal, Row, Section},
    stand::{Bench, Stand},
};

const STATES: [(&str, Fault); 4] = [
    ("fast", Fault::NONE),
    ("slow (2 s)", Fault::Answers(Duration::from_secs(2))),
    ("dead (accepts and hangs)", Fault::Hangs),
    ("dead (resets connections)", Fault::Resets),
];
/// Fetches are counted over this time.
const PERIOD: Duration = Duration::from_secs(10);
/// Two fetches exactly a period apart may arrive a little less than that apart.
const GRACE: Duration = Duration::from_millis(250);
/// How many fetches are shown one by one.
const MOST_TOLD: usize = 24;
/// A good client is served as before when it hears this fast.
const HEALTHY: Duration = Duration::from_millis(250);

/// One quiet window and the flood after it.
struct Round {
    quiet: Samples,
    flood: Samples,
}

struct Outcome {
    rounds: Vec<Round>,
    /// The most in any [`PERIOD`].
    jwks: usize,
    discovery: usize,
    recovery: Figure,
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<Section>, String> {
    let mut sections = Vec::new();
    for (name, fault) in STATES {
        sections.push(section(bench, name, fault).await?);
    }
    Ok(sections)
}

async fn section(bench: &Bench, name: &str, fault: Fault) -> Result<Section, String> {
    let mut stands = Vec::new();
    for kind in &bench.contenders {
        stands.push(Stand::start_warm(bench, *kind, |setup| setup).await?);
    }
    tokio::time::sleep(bench.plan.settle).await;
    let mut outcomes = Vec::new();
    // One after the other, and each stopped after its turn: nobody pays for another's load.
    for stand in stands {
        anstream::eprintln!("random kids, endpoint {name}: {}", stand.kind.name());
        outcomes.push(one(bench, &stand, fault).await);
    }
    let row = |what: &str, goal: Goal, figure: &dyn Fn(&Outcome) -> Figure| {
        Row::new(what, goal, outcomes.iter().map(figure))
    };
    Ok(Section {
        title: format!("random kids, endpoint {name}"),
        rows: vec![
            row("most JWKS fetches in 10 s", Goal::AtMost(1.0), &|outcome| {
                Figure::count(outcome.jwks)
            }),
            row(
                "most discovery fetches in 10 s",
                Goal::AtMost(1.0),
                &|outcome| Figure::count(outcome.discovery),
            ),
            row("valid p50, flood : quiet", Goal::None, &|outcome| {
                ratio(&outcome.rounds, 50)
            }),
            row(
                "valid p99, flood : quiet",
                Goal::RatioAtMost(1.2),
                &|outcome| ratio(&outcome.rounds, 99),
            ),
            row("valid requests refused", Goal::AtMost(0.0), &|outcome| {
                refused(&outcome.rounds)
            }),
            row("time until served as before", Goal::None, &|outcome| {
                outcome.recovery.clone()
            }),
        ],
    })
}

async fn one(bench: &Bench, stand: &Stand, fault: Fault) -> Outcome {
    let plan = &bench.plan;
    let (clients, strangers) = (stand.good_clients(), stand.strangers());
    stand.issuer.set(fault);
    let begin = Instant::now();
    let mut rounds = Vec::new();
    let mut recovery = Some(Duration::ZERO);
    for _ in 0..plan.rounds {
        let quiet = clients.until(Instant::now() + plan.quiet).await;
        let end = Instant::now() + plan.flood;
        let (flood, sent) = tokio::join!(clients.until(end), strangers.until(end));
        anstream::eprintln!("  {sent} random kids, {} good requests", flood.len());
        rounds.push(Round { quiet, flood });
        let recovered = recovers(stand, plan.recovery).await;
        recovery = recovery
            .zip(recovered)
            .map(|(longest, this)| longest.max(this));
        if recovered.is_none() {
            // A next quiet window would not be quiet.
            break;
        }
    }
    let fetches = stand.issuer.fetches();
    tell("key set", &fetches.jwks, begin);
    tell("metadata", &fetches.discovery, begin);
    Outcome {
        rounds,
        jwks: most(&fetches.jwks, begin),
        discovery: most(&fetches.discovery, begin),
        recovery: recovery.map_or_else(|| Figure::longer_than(plan.recovery), Figure::seconds),
    }
}

/// How long after the flood good clients are served as before.
async fn recovers(stand: &Stand, limit: Duration) -> Option<Duration> {
    let begin = Instant::now();
    let clients = stand.good_clients();
    while begin.elapsed() < limit {
        let waited = begin.elapsed();
        let samples = clients.until(Instant::now() + HEALTHY).await;
        if samples.refused() == 0 && samples.percentile(100) < HEALTHY {
            return Some(waited);
        }
    }
    None
}

/// Shows when the first fetches came, for whoever wants to know why there were so many.
fn tell(what: &str, fetches: &[Instant], since: Instant) {
    let counted = fetches.iter().filter(|at| **at >= since);
    let seconds: Vec<_> = counted
        .map(|at| format!("{:.2}", (*at - since).as_secs_f64()))
        .take(MOST_TOLD)
        .collect();
    anstream::eprintln!("  {what} fetched after s: {}", seconds.join(" "));
}

/// The most fetches in any [`PERIOD`] since a moment.
fn most(fetches: &[Instant], since: Instant) -> usize {
    let counted: Vec<_> = fetches.iter().filter(|at| **at >= since).collect();
    let within = |from: usize| {
        let later = counted[from..].iter();
        later
            .take_while(|at| ***at - *counted[from] < PERIOD - GRACE)
            .count()
    };
    (0..counted.len()).map(within).max().unwrap_or_default()
}

/// The median over the rounds of the ratio of two windows that lie side by side.
fn ratio(rounds: &[Round], percent: u32) -> Figure {
    let of = |round: &Round| {
        let [flood, quiet] =
            [&round.flood, &round.quiet].map(|samples| samples.percentile(percent).as_secs_f64());
        flood / quiet
    };
    let mut ratios: Vec<_> = rounds.iter().map(of).collect();
    ratios.sort_by(f64::total_cmp);
    Figure::ratio(ratios[ratios.len() / 2])
}

fn refused(rounds: &[Round]) -> Figure {
    let sum = |of: fn(&Samples) -> usize| rounds.iter().map(|round| of(&round.flood)).sum();
    Figure::of(sum(Samples::refused), sum(Samples::len))
}
