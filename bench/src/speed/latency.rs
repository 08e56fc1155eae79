//! What clients wait at half of the load that saturates a server, beside nginx as a plain proxy.

use std::time::Duration;

use crate::{
    contender::{Kind, Server, Stand},
    gate::{saturate, until_open},
    plan::Plan,
    report::{Figure, Goal, Report, Table, median, ratios},
    requests::Requests,
    wheel::Wheel,
};

/// More than are ever busy at half of the load, unless the server stalls.
const CONNECTIONS: usize = 64;
/// Requests that find out how much is too much, in each turn.
const SATURATING: f64 = 1.5;
const CONTENDERS: [Kind; 2] = [Kind::Nginx { logs: false }, Kind::OAuthGate { logs: false }];

/// One server, and what its clients waited in each round.
struct Contender {
    server: Server,
    /// Requests a second at most, and of its core.
    saturation: (f64, f64),
    p50: Vec<f64>,
    p99: Vec<f64>,
}

pub(crate) fn run(
    stand: &Stand,
    wheel: &mut Wheel,
    requests: &Requests,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), String> {
    let goal = Goal::AtMost(1.3);
    let name = "p99 at half of its saturation ÷ nginx, plain proxy, at half of its own";
    let mut table = Table::of_goals("latency, one hot token");
    if !stand.has(CONTENDERS[0]) {
        table.lacking(name, goal, "nginx is not installed");
        report.print(&table);
        return Ok(());
    }
    let mut contenders = Vec::new();
    for kind in CONTENDERS {
        contenders.push(Contender::start(stand, kind, wheel, requests, plan)?);
    }
    for round in 0..plan.rounds {
        for contender in &mut contenders {
            contender.turn(wheel, requests.hot(), plan, round)?;
        }
    }
    let [nginx, ours] = &contenders[..] else {
        unreachable!("both were started")
    };
    let rounds = ratios(&ours.p99, &nginx.p99);
    let beside = format!("{} ÷ {}", shown(&ours.p99), shown(&nginx.p99));
    table.goal(name, &Figure::ratio(&rounds), goal, &beside);
    let rounds = ratios(&ours.p50, &nginx.p50);
    let beside = format!("{} ÷ {}", shown(&ours.p50), shown(&nginx.p50));
    table.goal(
        "p50, the same",
        &Figure::ratio(&rounds),
        Goal::None,
        &beside,
    );
    let most = ours.saturation.0 / nginx.saturation.0;
    let beside = [ours, nginx].map(Contender::saturated).join(" ÷ ");
    table.goal(
        "saturation ÷ nginx'",
        &Figure::number(most, 3, "x"),
        Goal::None,
        &beside,
    );
    report.print(&table);
    Ok(())
}

impl Contender {
    fn start(
        stand: &Stand,
        kind: Kind,
        wheel: &mut Wheel,
        requests: &Requests,
        plan: &Plan,
    ) -> Result<Self, String> {
        let server = stand.start(kind, &[])?;
        until_open(wheel, &server, requests)?;
        let (rate, _) = saturate(wheel, &server, requests.hot(), 2_000)?;
        let count = rate * plan.turn.as_secs_f64() * SATURATING;
        let saturation = saturate(wheel, &server, requests.hot(), count as usize)?;
        Ok(Self {
            server,
            saturation,
            p50: Vec::new(),
            p99: Vec::new(),
        })
    }

    fn turn(
        &mut self,
        wheel: &mut Wheel,
        hot: &[u8],
        plan: &Plan,
        round: usize,
    ) -> Result<(), String> {
        let moments = moments(self.saturation.0 / 2.0, plan.paced, round);
        let waits = wheel
            .connect(self.server.port, CONNECTIONS)
            .and_then(|mut clients| {
                wheel.ask(&mut clients, 4 * CONNECTIONS, |_| hot)?;
                wheel.pace(&mut clients, &moments, hot)
            });
        let mut waits = waits.map_err(|error| format!("at half of the load: {error}"))?;
        waits.sort_unstable();
        let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64();
        self.p50.push(at(0.5));
        self.p99.push(at(0.99));
        Ok(())
    }

    fn saturated(&self) -> String {
        let (rate, busy) = self.saturation;
        format!("{rate:.0}/s ({:.0} % of its core)", busy * 100.0)
    }
}

fn shown(rounds: &[f64]) -> String {
    format!("{:.0} µs", median(rounds) * 1e6)
}

/// When requests come that do not know of each other: so many a second on average, the same moments for everybody
/// in the same round, stretched to the rate.
fn moments(rate: f64, during: Duration, round: usize) -> Vec<Duration> {
    let mut random = round as u64 + 1;
    let mut moment = 0.0;
    let mut moments = Vec::new();
    while moment < during.as_secs_f64() {
        moments.push(Duration::from_secs_f64(moment));
        moment -= (1.0 - uniform(&mut random)).ln() / rate;
    }
    moments
}

/// SplitMix64, as a number below 1.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_at_the_wanted_rate_on_average() {
        let moments = moments(10_000.0, Duration::from_secs(2), 3);
        assert!(
            (19_000..21_000).contains(&moments.len()),
            "{}",
            moments.len()
        );
        assert!(moments.is_sorted());
    }
}
