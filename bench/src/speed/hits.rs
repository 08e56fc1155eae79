//! What a token costs that was verified before: the provider's own cache, by one thread and by two.

use std::{
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use http::{HeaderValue, Request, header::AUTHORIZATION, request::Parts};
use oauthgate_remote::OAuth21Provider;

use crate::{
    contender::Stand,
    libraries::RawSignature,
    plan::Plan,
    report::{Figure, Goal, Report, Table, median, ratios},
    requests::{CACHED, Requests},
    token::{AUDIENCE, Fixture, Kind},
};

/// How often one thread asks in one round.
const ASKED: usize = 1_000 * BATCH;
/// Requests that lie ready at a time.
const BATCH: usize = 32;
/// Signatures beside them.
const CHECKED: usize = 500;

const HIT: &str = "cached hit, 10,000 tokens, one thread ÷ raw signature, RS256";
const TWO: &str = "cached hits of two threads ÷ of one, 10,000 tokens";
const HIT_GOAL: Goal = Goal::AtMost(0.05);
const TWO_GOAL: Goal = Goal::AtLeast(1.7);

/// Seconds for each in every round.
#[derive(Default)]
struct Costs {
    raw: Vec<f64>,
    one: Vec<f64>,
    two: Vec<f64>,
    hot: Vec<f64>,
    two_hot: Vec<f64>,
}

pub(crate) fn run(
    stand: &Stand,
    requests: &Requests,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let provider = provider(stand)?;
    let callers: Vec<_> = (0..CACHED)
        .map(|number| HeaderValue::from_str(requests.credentials(number)))
        .map(|credentials| parts(credentials.expect("as it was sent")))
        .collect();
    // Twice, for the first verdict may be overtaken by the keys that it fetched, and is then not remembered.
    for caller in callers.iter().chain(&callers) {
        if provider.recall(caller).is_none() {
            let known = runtime.block_on(provider.user_context(caller, None));
            known.map_err(|denial| format!("a good token is refused: {}", denial.code()))?;
        }
    }
    let mut table = Table::of_goals("a token that was verified before");
    let known = callers
        .iter()
        .filter(|caller| provider.recall(caller).is_some());
    let known = known.count();
    if known < CACHED {
        let why = format!("the provider recalls {known} of 10,000");
        table.lacking(HIT, HIT_GOAL, &why);
        table.lacking(TWO, TWO_GOAL, &why);
    } else {
        let costs = measure(stand, &provider, &callers, plan).map_err(|error| error.to_string())?;
        tell(&mut table, &costs);
    }
    report.print(&table);
    Ok(())
}

fn provider(stand: &Stand) -> Result<OAuth21Provider, String> {
    let provider = OAuth21Provider::from_lookup(|name| {
        let value = match name {
            "MCP_SERVER_URL" | "OAUTH_AUDIENCE" => AUDIENCE.to_owned(),
            "OAUTH_ISSUER_URL" => stand.issuer.url(),
            _ => return None,
        };
        Some(value)
    });
    provider.map_err(|error| format!("no provider: {error}"))
}

fn parts(credentials: HeaderValue) -> Parts {
    let request = Request::get("/mcp").header(AUTHORIZATION, credentials);
    request.body(()).expect("a request").into_parts().0
}

fn measure(
    stand: &Stand,
    provider: &OAuth21Provider,
    callers: &[Parts],
    plan: &Plan,
) -> std::io::Result<Costs> {
    let raw = RawSignature::new(&Fixture::new(Kind::Rs256));
    let hot = &callers[..1];
    let mut costs = Costs::default();
    for _ in 0..plan.rounds {
        let begin = Instant::now();
        (0..CHECKED).for_each(|_| raw.verify());
        costs
            .raw
            .push(begin.elapsed().as_secs_f64() / CHECKED as f64);
        for (callers, one, two) in [
            (callers, &mut costs.one, &mut costs.two),
            (hot, &mut costs.hot, &mut costs.two_hot),
        ] {
            let took = stand
                .cores
                .on_the_servers(|| Ok(recall(provider, callers, 0)))?;
            one.push(took.as_secs_f64() / ASKED as f64);
            let took = both(stand, provider, callers)?;
            two.push(took.as_secs_f64() / ASKED as f64);
        }
    }
    Ok(costs)
}

/// Two threads at the same time, each on a core of its own: until the slower one is done.
fn both(stand: &Stand, provider: &OAuth21Provider, callers: &[Parts]) -> std::io::Result<Duration> {
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let spawn = || {
            Ok(scope.spawn(|| {
                barrier.wait();
                recall(provider, callers, callers.len() / 2)
            }))
        };
        let other = stand.cores.on_the_servers(spawn)?;
        barrier.wait();
        let ours = recall(provider, callers, 0);
        let theirs = other.join().map_err(|_| std::io::Error::other("a panic"))?;
        Ok(ours.max(theirs))
    })
}

/// Asks again and again about all of them in turn. As in a server, each request was just read, so that its token is
/// near, and what is remembered of it is wherever it happens to be: requests are copied outside of the time.
fn recall(provider: &OAuth21Provider, callers: &[Parts], first: usize) -> Duration {
    let mut took = Duration::ZERO;
    let mut all = callers.iter().cycle().skip(first);
    for _ in 0..ASKED / BATCH {
        let batch: Vec<_> = all.by_ref().take(BATCH).map(copy).collect();
        let begin = Instant::now();
        for caller in &batch {
            let known = provider.recall(black_box(caller));
            assert!(black_box(known).is_some(), "forgotten meanwhile");
        }
        took += begin.elapsed();
    }
    took
}

/// With bytes of its own.
fn copy(caller: &Parts) -> Parts {
    let credentials = HeaderValue::from_bytes(caller.headers[AUTHORIZATION].as_bytes());
    parts(credentials.expect("it was one"))
}

fn tell(table: &mut Table, costs: &Costs) {
    let shown = |costs: &[f64]| format!("{:.0} ns", median(costs) * 1e9);
    // Each of two threads asks as often as one does alone.
    let scaling = |one: &[f64], two: &[f64]| -> Vec<f64> {
        ratios(one, two).iter().map(|ratio| 2.0 * ratio).collect()
    };
    let beside = format!("{} ÷ {}", shown(&costs.one), shown(&costs.raw));
    let hit = Figure::ratio(&ratios(&costs.one, &costs.raw));
    table.goal(HIT, &hit, HIT_GOAL, &beside);
    let two = Figure::ratio(&scaling(&costs.one, &costs.two));
    table.goal(TWO, &two, TWO_GOAL, "");
    let hot = Figure::ratio(&ratios(&costs.hot, &costs.raw));
    let beside = format!("{} ÷ {}", shown(&costs.hot), shown(&costs.raw));
    table.goal(
        "cached hit, one hot token ÷ raw signature, RS256",
        &hot,
        Goal::None,
        &beside,
    );
    let two = Figure::ratio(&scaling(&costs.hot, &costs.two_hot));
    table.goal(
        "cached hits of two threads ÷ of one, one hot token",
        &two,
        Goal::None,
        "",
    );
}
