//! What one validation costs, in this process and in those of other languages, which take turns with it.

use std::{
    hint::black_box,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anstream::eprintln;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::{
    contender::{Stand, contenders},
    libraries::{Jsonwebtoken, OAuthGate, RawSignature},
    plan::Plan,
    report::{Figure, Goal, Report, Table, median, ratios},
    token::{AUDIENCE, Fixture, ISSUER, Kind},
};

/// Beside the issue's rounds: slices are short.
const SLICES_IN_A_ROUND: usize = 9;
/// How long one library runs at a time.
const SLICE: Duration = Duration::from_millis(4);
/// What runs in another process: the script, and what it is told.
const OTHERS: [(&str, &str, &str); 4] = [
    ("jose", "node/library.mjs", "jose"),
    ("fast-jwt, its cache off", "node/library.mjs", "fast-jwt"),
    (
        "fast-jwt, its cache on (one token)",
        "node/library.mjs",
        "fast-jwt-cached",
    ),
    ("PyJWT", "python/library.py", "pyjwt"),
];
const OURS: &str = "OAuthGate, full";
const RAW: &str = "aws-lc-rs, raw signature";
const RIVAL: &str = "jsonwebtoken, full";

/// One library with one token, and what it took in each round.
struct Library {
    name: &'static str,
    work: Box<dyn FnMut(u32) -> io::Result<Duration>>,
    /// Validations in one slice.
    count: u32,
    /// Seconds for each.
    costs: Vec<f64>,
}

pub(crate) fn run(stand: &Stand, plan: &Plan, report: &mut Report) -> Result<(), String> {
    let mut goals = Table::of_goals("one validation");
    let mut columns = Vec::new();
    for kind in Kind::ALL {
        let fixture = Fixture::new(kind);
        let measured = stand
            .cores
            .on_the_servers(|| measure(stand, &fixture, plan))
            .map_err(|error| format!("{}: {error}", kind.name()))?;
        compare(&mut goals, kind, &measured);
        columns.push(measured);
    }
    report.print(&goals);
    report.print(&everybody(&columns));
    Ok(())
}

/// All libraries in turn.
fn measure(stand: &Stand, fixture: &Fixture, plan: &Plan) -> io::Result<Vec<Library>> {
    let mut libraries = vec![
        Library::new(RAW, of(RawSignature::new(fixture), RawSignature::verify)),
        Library::new(OURS, of(OAuthGate::new(fixture), OAuthGate::validate)),
        Library::new(
            RIVAL,
            of(Jsonwebtoken::new(fixture), Jsonwebtoken::validate),
        ),
    ];
    for (name, script, argument) in OTHERS {
        let parts = &stand.parts;
        let interpreter = if script.starts_with("node") {
            &parts.node
        } else {
            &parts.python
        };
        if let Some(interpreter) = interpreter {
            let mut other = Other::start(interpreter, script, argument, fixture)?;
            libraries.push(Library::new(name, move |count| other.validate(count)));
        }
    }
    // One of another language may be broken; ours are not.
    libraries.retain_mut(|library| {
        let warm = library.warm_up();
        warm.inspect_err(|problem| eprintln!("bench: without {}: {problem}", library.name))
            .is_ok()
    });
    for _ in 0..plan.rounds * SLICES_IN_A_ROUND {
        for library in &mut libraries {
            library.turn()?;
        }
    }
    Ok(libraries)
}

/// Work of this process.
fn of<L>(library: L, validate: fn(&L)) -> impl FnMut(u32) -> io::Result<Duration> {
    move |count| {
        let begin = used();
        for _ in 0..count {
            validate(black_box(&library));
        }
        Ok(used() - begin)
    }
}

/// Processor time of this thread.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

impl Library {
    fn new(name: &'static str, work: impl FnMut(u32) -> io::Result<Duration> + 'static) -> Self {
        Self {
            name,
            work: Box::new(work),
            count: 1,
            costs: Vec::new(),
        }
    }

    /// Long enough for compilers that compile what is done often; finds out how often it fits into a slice.
    fn warm_up(&mut self) -> io::Result<()> {
        (self.work)(2_000)?;
        let took = (self.work)(500)?.as_secs_f64() / 500.0;
        self.count = (SLICE.as_secs_f64() / took).clamp(10.0, 1e6) as u32;
        Ok(())
    }

    fn turn(&mut self) -> io::Result<()> {
        let took = (self.work)(self.count)?;
        self.costs.push(took.as_secs_f64() / f64::from(self.count));
        Ok(())
    }

    fn minimum(&self) -> f64 {
        self.costs.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

fn compare(table: &mut Table, kind: Kind, measured: &[Library]) {
    let [raw, ours, rival, ..] = measured else {
        unreachable!("these three need no installation")
    };
    let beside = |ours: &Library, theirs: &Library| {
        let [ours, theirs] = [ours, theirs].map(|library| median(&library.costs) * 1e6);
        format!("{ours:.2} µs ÷ {theirs:.2} µs")
    };
    let goal = match kind {
        Kind::Rs256 | Kind::EdDsa => 1.05,
        Kind::Es256 => 1.02,
    };
    table.goal(
        &format!("full validation ÷ raw signature, {}", kind.name()),
        &Figure::ratio(&ratios(&ours.costs, &raw.costs)),
        Goal::AtMost(goal),
        &beside(ours, raw),
    );
    let goal = match kind {
        Kind::Rs256 => Goal::AtMost(0.75),
        _ => Goal::None,
    };
    table.goal(
        &format!("full validation ÷ `jsonwebtoken`, {}", kind.name()),
        &Figure::ratio(&ratios(&ours.costs, &rival.costs)),
        goal,
        &beside(ours, rival),
    );
}

fn everybody(columns: &[Vec<Library>]) -> Table {
    let heads = Kind::ALL.map(Kind::name);
    let mut table = Table::new(&[
        "processor µs for one token: minimum / median (÷ raw signature)",
        heads[0],
        heads[1],
        heads[2],
    ]);
    let first = columns.first().map_or(&[][..], Vec::as_slice);
    for library in first {
        let cells = columns.iter().map(|column| {
            let find = |name| column.iter().find(|library| library.name == name);
            let (Some(library), Some(raw)) = (find(library.name), find(RAW)) else {
                return "not there".to_owned();
            };
            let ratio = median(&ratios(&library.costs, &raw.costs));
            let [minimum, median] =
                [library.minimum(), median(&library.costs)].map(|time| time * 1e6);
            format!("{minimum:.2} / {median:.2} ({ratio:.2}x)")
        });
        table.row([library.name.to_owned()].into_iter().chain(cells));
    }
    for (name, ..) in OTHERS {
        if !first.iter().any(|library| library.name == name) {
            table.row([name.to_owned(), "not there".to_owned()]);
        }
    }
    table
}

/// A library of another language: it is told how often, and says what that took.
struct Other {
    process: Child,
    tell: ChildStdin,
    hear: BufReader<ChildStdout>,
}

impl Other {
    fn start(
        interpreter: &Path,
        script: &str,
        argument: &str,
        fixture: &Fixture,
    ) -> io::Result<Self> {
        let told = json!({
            "token": fixture.token, "jwk": fixture.jwk, "issuer": ISSUER, "audience": AUDIENCE,
        });
        let mut command = Command::new(interpreter);
        command.arg(contenders().join(script));
        // PyJWT's script has no choice to make.
        if script.starts_with("node") {
            command.arg(argument);
        }
        command.arg(told.to_string()).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        Ok(Self {
            tell: process.stdin.take().ok_or_else(pipe)?,
            hear: BufReader::new(process.stdout.take().ok_or_else(pipe)?),
            process,
        })
    }

    fn validate(&mut self, count: u32) -> io::Result<Duration> {
        writeln!(self.tell, "{count}")?;
        let mut line = String::new();
        self.hear.read_line(&mut line)?;
        let nanoseconds = line.trim().parse().map_err(|_| {
            io::Error::other(format!("a library said {line:?} instead of its time"))
        })?;
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
