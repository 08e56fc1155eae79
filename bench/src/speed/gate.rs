//! What a request costs a gate: processor time of the whole process, beside contenders that take turns with it.

use std::{collections::BTreeMap, io, time::Duration};

use anstream::eprintln;

use crate::{
    contender::{Kind, Server, Stand},
    plan::Plan,
    report::{Figure, Goal, Report, Table, median, ratios},
    requests::{CACHED, Load, Requests},
    wheel::Wheel,
};

/// Connections of the load.
pub(crate) const CONNECTIONS: usize = 16;
/// How many requests a server gets before anything is measured.
const WARM_UP: usize = 500;
/// Issue 7 counts in these.
const SHOWN: f64 = 10_000.0;

const NGINX: Kind = Kind::Nginx { logs: false };
const NGINX_LOGS: Kind = Kind::Nginx { logs: true };
const BARE: Kind = Kind::Bare { verifies: false };
const BARE_VERIFIES: Kind = Kind::Bare { verifies: true };
const OURS: Kind = Kind::OAuthGate { logs: false };
const OURS_LOGS: Kind = Kind::OAuthGate { logs: true };

/// Whom the load meets with what; in each round in this order.
const CELLS: [(Kind, Load); 15] = [
    (NGINX, Load::Hot),
    (OURS, Load::Hot),
    (OURS, Load::Cached),
    (BARE, Load::Hot),
    (BARE_VERIFIES, Load::Hot),
    (OURS, Load::New),
    (OURS, Load::Bad),
    (Kind::HAProxy, Load::New),
    (NGINX_LOGS, Load::Hot),
    (OURS_LOGS, Load::Hot),
    (Kind::Envoy, Load::Hot),
    (Kind::Envoy, Load::Cached),
    (Kind::Envoy, Load::New),
    (Kind::Predecessor, Load::Hot),
    (Kind::Predecessor, Load::New),
];

/// One server under one load, and what its turns have cost.
struct Cell {
    kind: Kind,
    load: Load,
    server: Server,
    /// Requests in one turn.
    count: usize,
    /// Seconds of processor time for each request.
    costs: Vec<f64>,
    /// How much of its core it used.
    busy: Vec<f64>,
}

/// All turns of all contenders, and the figures.
pub(crate) fn run(
    stand: &Stand,
    wheel: &mut Wheel,
    requests: &Requests,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), String> {
    let (mut cells, mut absent) = start(stand, wheel, requests, plan);
    for round in 0..plan.rounds {
        cells.retain_mut(|cell| {
            let done = cell.turn(wheel, requests, round);
            done.inspect_err(|problem| absent.push(without(cell.kind, cell.load, problem)))
                .is_ok()
        });
        wheel.is_to_go_on()?;
    }
    report.print(&goals(&cells));
    report.print(&everybody(&cells, &absent));
    Ok(())
}

/// Those who are there and those who are not, with the reason.
fn start(
    stand: &Stand,
    wheel: &mut Wheel,
    requests: &Requests,
    plan: &Plan,
) -> (Vec<Cell>, Vec<String>) {
    let (mut cells, mut absent) = (Vec::new(), Vec::new());
    for (kind, load) in CELLS {
        match Cell::start(stand, kind, load, wheel, requests, plan) {
            Ok(cell) => cells.push(cell),
            Err(problem) => absent.push(without(kind, load, &problem)),
        }
    }
    (cells, absent)
}

/// The run goes on without it; the table names it.
fn without(kind: Kind, load: Load, problem: &str) -> String {
    let name = format!("{}, {}", kind.name(), load.name());
    eprintln!("bench: without {name}: {problem}");
    name
}

impl Cell {
    fn start(
        stand: &Stand,
        kind: Kind,
        load: Load,
        wheel: &mut Wheel,
        requests: &Requests,
        plan: &Plan,
    ) -> Result<Self, String> {
        // With it, bad signatures would hear 429 unseen; they are to be looked at.
        let unlimited = ("OAUTHGATE_DANGER_UNLIMITED_REFUSED_TOKENS", "true");
        let settings: &[_] = if matches!(kind, Kind::OAuthGate { .. }) && load == Load::Bad {
            &[unlimited]
        } else {
            &[]
        };
        let server = stand.start(kind, settings)?;
        until_open(wheel, &server, requests)?;
        let mut cell = Self {
            kind,
            load,
            server,
            count: WARM_UP,
            costs: Vec::new(),
            busy: Vec::new(),
        };
        let took = cell.warm_up(wheel, requests)?;
        let fits = plan.turn.as_secs_f64() / took.as_secs_f64();
        let most = if load.is_used_up() {
            plan.new_each_turn
        } else {
            usize::MAX
        };
        cell.count = (fits as usize).clamp(200, 100_000).min(most);
        Ok(cell)
    }

    /// Lets the server meet what comes again later; how long a request takes.
    fn warm_up(&mut self, wheel: &mut Wheel, requests: &Requests) -> Result<Duration, String> {
        if self.load == Load::Cached {
            self.count = CACHED;
            self.measure(wheel, requests, self.load, 0)?;
        }
        self.count = WARM_UP;
        let again = if self.load.is_used_up() {
            Load::Hot
        } else {
            self.load
        };
        let (_, rate) = self.measure(wheel, requests, again, 0)?;
        Ok(Duration::from_secs_f64(1.0 / rate))
    }

    fn turn(&mut self, wheel: &mut Wheel, requests: &Requests, round: usize) -> Result<(), String> {
        let first = if self.load.is_used_up() {
            round * self.count
        } else {
            0
        };
        let (cost, rate) = self.measure(wheel, requests, self.load, first)?;
        self.costs.push(cost);
        self.busy.push(cost * rate);
        Ok(())
    }

    /// Seconds of processor time for each request, and requests a second.
    fn measure(
        &self,
        wheel: &mut Wheel,
        requests: &Requests,
        load: Load,
        first: usize,
    ) -> Result<(f64, f64), String> {
        let request = |number| requests.of(load, first + number);
        let done = measure(wheel, &self.server, requests.hot(), self.count, request);
        let done = done.and_then(|done| done.all(load.status()).map(|()| done));
        let done =
            done.map_err(|error| format!("{}, {}: {error}", self.kind.name(), load.name()))?;
        Ok((done.cost, done.rate))
    }
}

/// What some requests were answered with, and cost.
struct Done {
    statuses: BTreeMap<u16, usize>,
    cost: f64,
    rate: f64,
}

impl Done {
    fn all(&self, status: u16) -> io::Result<()> {
        let mut others = self.statuses.keys().filter(|heard| **heard != status);
        others.next().map_or(Ok(()), |_| {
            Err(io::Error::other(format!(
                "answers {:?} where all were to be {status}",
                self.statuses
            )))
        })
    }
}

fn measure<'r>(
    wheel: &mut Wheel,
    server: &Server,
    hot: &'r [u8],
    count: usize,
    request: impl Fn(usize) -> &'r [u8],
) -> io::Result<Done> {
    let mut clients = wheel.connect(server.port, CONNECTIONS)?;
    // Connections are opened on both sides of the server.
    wheel.ask(&mut clients, 4 * CONNECTIONS, |_| hot)?;
    let before = server.child.used()?;
    let heard = wheel.ask(&mut clients, count, request)?;
    let used = server.child.used()? - before;
    Ok(Done {
        statuses: heard.statuses,
        cost: used.as_secs_f64() / count as f64,
        rate: count as f64 / heard.took.as_secs_f64(),
    })
}

/// The most requests a second, and how much of its core the server uses then.
pub(crate) fn saturate(
    wheel: &mut Wheel,
    server: &Server,
    hot: &[u8],
    count: usize,
) -> Result<(f64, f64), String> {
    let done = measure(wheel, server, hot, count, |_| hot);
    let done = done.and_then(|done| done.all(200).map(|()| done));
    let done = done.map_err(|error| error.to_string())?;
    Ok((done.rate, done.rate * done.cost))
}

/// Servers may answer before they are ready: a gate without its keys says 503.
pub(crate) fn until_open(
    wheel: &mut Wheel,
    server: &Server,
    requests: &Requests,
) -> Result<(), String> {
    let mut last = String::new();
    for _ in 0..100 {
        let heard = wheel
            .connect(server.port, 1)
            .and_then(|mut clients| wheel.ask(&mut clients, 1, |_| requests.hot()));
        match heard {
            Ok(heard) if heard.statuses.contains_key(&200) => return Ok(()),
            Ok(heard) => last = format!("{:?}", heard.statuses),
            Err(error) => last = error.to_string(),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("a good token hears {last}"))
}

fn of(cells: &[Cell], kind: Kind, load: Load) -> Option<&Cell> {
    cells
        .iter()
        .find(|cell| (cell.kind, cell.load) == (kind, load))
}

fn goals(cells: &[Cell]) -> Table {
    let mut table = Table::of_goals("processor time of a request");
    let mut line = |what: &str, ours: (Kind, Load), theirs: (Kind, Load), goal: Goal| {
        let both = [ours, theirs].map(|(kind, load)| of(cells, kind, load));
        let [Some(ours), Some(theirs)] = both else {
            return table.lacking(what, goal, "somebody is missing");
        };
        let figure = Figure::ratio(&ratios(&ours.costs, &theirs.costs));
        table.goal(what, &figure, goal, &beside(ours, theirs));
    };
    let nginx = (NGINX, Load::Hot);
    line(
        "one hot token ÷ nginx, plain proxy",
        (OURS, Load::Hot),
        nginx,
        Goal::AtMost(1.15),
    );
    line(
        "the same, both with access log",
        (OURS_LOGS, Load::Hot),
        (NGINX_LOGS, Load::Hot),
        Goal::None,
    );
    line(
        "10,000 tokens in turn ÷ nginx, plain proxy",
        (OURS, Load::Cached),
        nginx,
        Goal::AtMost(1.25),
    );
    line(
        "never-seen tokens ÷ (hyper, bare proxy, and one raw RS256 check)",
        (OURS, Load::New),
        (BARE_VERIFIES, Load::Hot),
        Goal::AtMost(1.1),
    );
    line(
        "never-seen tokens ÷ HAProxy `jwt_verify`",
        (OURS, Load::New),
        (Kind::HAProxy, Load::New),
        Goal::AtMost(1.0),
    );
    line(
        "bad signatures ÷ never-seen tokens",
        (OURS, Load::Bad),
        (OURS, Load::New),
        Goal::AtMost(1.0),
    );
    line(
        "hyper, bare proxy ÷ nginx, plain proxy (the limit)",
        (BARE, Load::Hot),
        nginx,
        Goal::None,
    );
    table
}

fn beside(ours: &Cell, theirs: &Cell) -> String {
    let [ours, theirs] = [ours, theirs].map(|cell| median(&cell.costs) * 1e6);
    format!("{ours:.1} µs ÷ {theirs:.1} µs")
}

/// Everybody's processor time, and nginx' as the measure.
fn everybody(cells: &[Cell], absent: &[String]) -> Table {
    let mut table = Table::new(&[
        "processor seconds for 10,000 requests",
        "median",
        "minimum",
        "÷ nginx, plain proxy",
        "of its core",
    ]);
    let nginx = of(cells, NGINX, Load::Hot).map(|cell| &*cell.costs);
    for cell in cells {
        let minimum = cell.costs.iter().copied().fold(f64::INFINITY, f64::min);
        let ratio = nginx.map(|nginx| format!("{:.2}x", median(&ratios(&cell.costs, nginx))));
        table.row([
            format!("{}, {}", cell.kind.name(), cell.described()),
            format!("{:.3}", median(&cell.costs) * SHOWN),
            format!("{:.3}", minimum * SHOWN),
            ratio.unwrap_or_default(),
            format!("{:.0} %", median(&cell.busy) * 100.0),
        ]);
    }
    for name in absent {
        table.row([name.clone(), "not there".to_owned()]);
    }
    table
}

impl Cell {
    fn described(&self) -> String {
        let log = match self.kind {
            Kind::OAuthGate { logs: true } => ", with access log",
            _ => "",
        };
        match self.kind {
            // They do not look at tokens.
            Kind::Nginx { .. } | Kind::Bare { .. } => "any token".to_owned(),
            _ => format!("{}{log}", self.load.name()),
        }
    }
}
