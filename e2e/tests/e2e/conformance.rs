//! The official conformance suite, directly and through the gate: not one check may be worse behind it.

use std::{collections::BTreeMap, fs, path::Path, process::Command, time::Duration};

use oauthgate_e2e::{
    AuthorizationServer, GateBuilder, Injector, Kind, Process, SCOPES, Upstream, free_port, node,
    npm_package,
};
use serde_json::Value;

use crate::limit;

/// One whole run of the suite.
const LIMIT: Duration = Duration::from_secs(180);

/// How each check ended, by scenario and check; a check may be made more than once.
type Checks = BTreeMap<(String, String), Vec<Status>>;

/// From worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Failure,
    Warning,
    Skipped,
    Info,
    Success,
}

impl Status {
    fn parse(text: &str) -> Self {
        match text {
            "SUCCESS" => Self::Success,
            "INFO" => Self::Info,
            "SKIPPED" => Self::Skipped,
            "WARNING" => Self::Warning,
            _ => Self::Failure,
        }
    }
}

/// What the suite said about one URL.
#[derive(Debug)]
struct Verdict {
    checks: Checks,
    /// `Total: N passed, M failed` as the suite printed it.
    total: String,
    /// Whether every scored scenario passed (extensions are not scored).
    conforms: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revision_2025_11_25_passes_84_of_84_checks_through_the_gate() {
    let (direct, gated) = grade_both("2025-11-25").await;
    assert_eq!(
        direct.total, "Total: 84 passed, 0 failed",
        "the server behind the gate is a good one"
    );
    assert_eq!(
        different(&gated, &direct),
        BTreeMap::new(),
        "{}",
        gated.total
    );
    assert_eq!(gated.total, direct.total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revision_2026_07_28_has_no_check_that_is_worse_through_the_gate() {
    let (direct, gated) = grade_both("2026-07-28").await;
    assert!(
        direct.checks.len() > 100,
        "only {} checks",
        direct.checks.len()
    );
    let worse: BTreeMap<_, _> = different(&gated, &direct)
        .into_iter()
        .filter(|(_, (gated, direct))| is_worse(gated, direct))
        .collect();
    assert_eq!(
        worse,
        BTreeMap::new(),
        "direct: {}, through the gate: {}",
        direct.total,
        gated.total
    );
}

/// The checks that ended differently: through the gate, directly.
fn different(
    gated: &Verdict,
    direct: &Verdict,
) -> BTreeMap<(String, String), (Vec<Status>, Vec<Status>)> {
    let keys = gated.checks.keys().chain(direct.checks.keys());
    let of = |verdict: &Verdict, key| verdict.checks.get(key).cloned().unwrap_or_default();
    let pairs = keys.map(|key| (key.clone(), (of(gated, key), of(direct, key))));
    pairs
        .filter(|(_, (gated, direct))| gated != direct)
        .collect()
}

/// Fewer results are worse, and so is any lower one.
fn is_worse(gated: &[Status], direct: &[Status]) -> bool {
    gated.len() < direct.len()
        || gated
            .iter()
            .zip(direct)
            .any(|(gated, direct)| gated < direct)
}

async fn grade_both(revision: &str) -> (Verdict, Verdict) {
    let _turn = limit::turn().await;
    let upstream = Upstream::conformance().await;
    let direct = grade(&upstream.url, revision).await;
    let server = AuthorizationServer::start(Kind::OidcProvider).await;
    let public_port = free_port();
    let gate = GateBuilder::new(&upstream.url, &server)
        .public_port(public_port)
        .start()
        .await;
    let token = server.token(&gate.resource, SCOPES).await;
    let _injector = Injector::start(public_port, gate.port, &token).await;
    let gated = grade(&gate.resource, revision).await;
    eprintln!(
        "{revision} direct: {}; through the gate: {}",
        direct.total, gated.total
    );
    assert!(direct.conforms, "the server behind the gate is a good one");
    assert!(
        gated.conforms,
        "every scored scenario passes through the gate"
    );
    (direct, gated)
}

async fn grade(url: &str, revision: &str) -> Verdict {
    let results = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(node().path());
    command.arg(npm_package("@modelcontextprotocol/conformance/dist/index.js").path());
    command
        .args(["server", "--url", url, "--requirements", revision, "-o"])
        .arg(results.path());
    command.current_dir(results.path());
    let mut process = Process::start("conformance", command);
    let conforms = process.wait(LIMIT).await.success();
    let output = process.output();
    let total = output
        .lines()
        .rev()
        .find(|line| line.starts_with("Total: "))
        .unwrap_or_else(|| panic!("no total:\n{output}"));
    Verdict {
        checks: read_checks(results.path()),
        total: total.to_owned(),
        conforms,
    }
}

/// Reads `<scenario>-<time>/checks.json` of every scenario.
fn read_checks(results: &Path) -> Checks {
    let mut checks = Checks::new();
    for entry in fs::read_dir(results).expect("results").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(json) = fs::read(entry.path().join("checks.json")) else {
            continue;
        };
        let listed: Vec<Value> = serde_json::from_slice(&json).expect("checks are a JSON array");
        for check in listed {
            let key = (
                scenario(&name).to_owned(),
                check["id"].as_str().expect("an id").to_owned(),
            );
            let status = Status::parse(check["status"].as_str().expect("a status"));
            if status == Status::Failure {
                eprintln!("failed: {key:?}: {}", check["errorMessage"]);
            }
            checks.entry(key).or_default().push(status);
        }
    }
    checks
}

/// `server-tools-list-2026-11-23T11-53-52-964Z` without its time.
fn scenario(directory: &str) -> &str {
    let time = "-2026-11-23T11-53-52-964Z".len();
    directory
        .get(..directory.len().saturating_sub(time))
        .unwrap_or(directory)
}
