//! Resident memory, idle and for each stream and each token in cache; and how soon after its start a gate serves.

use std::{fs, io, path::Path, thread, time::Duration};

use tempfile::TempDir;

use crate::{
    contender::{Kind, Server, Stand},
    gate::until_open,
    plan::Plan,
    report::{Figure, Goal, Report, Table, median},
    requests::{CACHED, Load, Requests},
    upstream::STREAM,
    wheel::Wheel,
};

const OURS: Kind = Kind::OAuthGate { logs: false };
const NGINX: Kind = Kind::Nginx { logs: false };
/// What was set free is given back by then, if ever.
const SETTLE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_micros(200);
/// How long a start, and the snapshot after it, may take.
const START_LIMIT: Duration = Duration::from_secs(10);
const MIB: f64 = 1024.0 * 1024.0;
const KIB: f64 = 1024.0;

/// Resident bytes.
struct Resident {
    started: f64,
    asked: f64,
    with_streams: f64,
}

pub(crate) fn run(
    stand: &Stand,
    wheel: &mut Wheel,
    requests: &Requests,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), String> {
    let ours = resident(stand, OURS, wheel, requests, plan)?;
    let nginx = resident(stand, NGINX, wheel, requests, plan).ok();
    let mut table = Table::of_goals("memory and start");
    let mut line = |what: &str, of: fn(&Resident, f64) -> f64, unit, goal| {
        let streams = plan.streams as f64;
        let figure = Figure::number(of(&ours, streams), 1, unit);
        let beside = nginx.as_ref().map_or_else(String::new, |nginx| {
            format!("nginx {:.1}{unit}", of(nginx, streams))
        });
        table.goal(what, &figure, goal, &beside);
    };
    let idle = Goal::AtMost(12.0);
    line(
        "idle, after the first request",
        |bytes, _| bytes.started / MIB,
        " MiB",
        idle,
    );
    line(
        "idle, after 1,000 requests",
        |bytes, _| bytes.asked / MIB,
        " MiB",
        idle,
    );
    line(
        &format!("for each of {} open streams", plan.streams),
        |bytes, streams| (bytes.with_streams - bytes.asked) / streams / KIB,
        " KiB",
        Goal::AtMost(24.0),
    );
    let token = Figure::number(of_a_token(stand, wheel, requests)?, 0, " bytes");
    table.goal("for each of 10,000 tokens in cache", &token, Goal::None, "");
    let starts = starts(stand, wheel, requests, plan)?;
    let beside = format!(
        "{} starts, the slowest {:.1} ms",
        starts.len(),
        most(&starts)
    );
    table.goal(
        "start to first served request, keys from a snapshot",
        &Figure::number(median(&starts), 1, " ms"),
        Goal::AtMost(30.0),
        &beside,
    );
    report.print(&table);
    Ok(())
}

fn resident(
    stand: &Stand,
    kind: Kind,
    wheel: &mut Wheel,
    requests: &Requests,
    plan: &Plan,
) -> Result<Resident, String> {
    let cannot = |error: io::Error| format!("memory of {}: {error}", kind.name());
    let server = stand.start(kind, &[])?;
    until_open(wheel, &server, requests)?;
    let started = settled(&server).map_err(cannot)?;
    ask(wheel, &server, requests, Load::Hot, 1_000).map_err(cannot)?;
    let asked = settled(&server).map_err(cannot)?;
    let hot = String::from_utf8_lossy(requests.hot());
    let (_, fields) = hot.split_once("HTTP/1.1").unwrap_or_default();
    let request = format!("{STREAM}HTTP/1.1{fields}").replace("*/*", "text/event-stream");
    let streams = wheel.open_streams(server.port, plan.streams, request.as_bytes());
    let streams = streams.map_err(cannot)?;
    let with_streams = settled(&server).map_err(cannot)?;
    drop(streams);
    Ok(Resident {
        started,
        asked,
        with_streams,
    })
}

/// Bytes for each token that is remembered.
fn of_a_token(stand: &Stand, wheel: &mut Wheel, requests: &Requests) -> Result<f64, String> {
    let cannot = |error: io::Error| format!("memory of tokens: {error}");
    let server = stand.start(OURS, &[])?;
    until_open(wheel, &server, requests)?;
    ask(wheel, &server, requests, Load::Hot, 1_000).map_err(cannot)?;
    let before = settled(&server).map_err(cannot)?;
    ask(wheel, &server, requests, Load::Cached, CACHED).map_err(cannot)?;
    let after = settled(&server).map_err(cannot)?;
    Ok((after - before) / CACHED as f64)
}

fn ask(
    wheel: &mut Wheel,
    server: &Server,
    requests: &Requests,
    load: Load,
    count: usize,
) -> io::Result<()> {
    let mut clients = wheel.connect(server.port, crate::gate::CONNECTIONS)?;
    let heard = wheel.ask(&mut clients, count, |number| requests.of(load, number))?;
    match heard.statuses.get(&200) {
        Some(good) if *good == count => Ok(()),
        _ => Err(io::Error::other(format!("answers {:?}", heard.statuses))),
    }
}

fn settled(server: &Server) -> io::Result<f64> {
    thread::sleep(SETTLE);
    Ok(server.child.resident()? as f64)
}

/// Milliseconds from the process' begin to the first good answer, the issuer being away.
fn starts(
    stand: &Stand,
    wheel: &mut Wheel,
    requests: &Requests,
    plan: &Plan,
) -> Result<Vec<f64>, String> {
    let state = tempfile::tempdir().map_err(|error| error.to_string())?;
    save_snapshot(stand, wheel, requests, &state)?;
    stand.issuer.is_away(true);
    let starts = (0..plan.starts).map(|_| start(stand, wheel, requests, state.path()));
    let starts = starts.collect();
    stand.issuer.is_away(false);
    starts
}

fn start(
    stand: &Stand,
    wheel: &mut Wheel,
    requests: &Requests,
    state: &Path,
) -> Result<f64, String> {
    let state = state.to_string_lossy();
    let server = stand.spawn(OURS, &[("OAUTHGATE_STATE_DIRECTORY", &state)])?;
    let mut last = "nothing listens".to_owned();
    while server.child.age() < START_LIMIT {
        let heard = wheel
            .connect(server.port, 1)
            .and_then(|mut clients| wheel.ask(&mut clients, 1, |_| requests.hot()));
        match heard {
            Ok(heard) if heard.statuses.contains_key(&200) => {
                return Ok(server.child.age().as_secs_f64() * 1e3);
            }
            Ok(heard) => last = format!("{:?}", heard.statuses),
            Err(_) => {}
        }
        thread::sleep(POLL);
    }
    Err(format!("a gate with a snapshot does not serve: {last}"))
}

fn save_snapshot(
    stand: &Stand,
    wheel: &mut Wheel,
    requests: &Requests,
    state: &TempDir,
) -> Result<(), String> {
    let directory = state.path().to_string_lossy();
    let server = stand.start(OURS, &[("OAUTHGATE_STATE_DIRECTORY", &directory)])?;
    until_open(wheel, &server, requests)?;
    while server.child.age() < START_LIMIT {
        // The file is there under its name when it is whole; the rest of the time is for its neighbours.
        let is_saved = fs::read_dir(state.path()).is_ok_and(|mut files| files.next().is_some());
        thread::sleep(SETTLE);
        if is_saved {
            return Ok(());
        }
    }
    Err("the gate saves no snapshot".to_owned())
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
