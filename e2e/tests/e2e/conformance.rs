//! The official conformance suite, directly and through the gate: not one check may be worse behind it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    time::Duration,
};

use oauthgate_e2e::{
    AuthorizationServer, Gate, GateBuilder, Injector, Kind, Process, SCOPES, Upstream, free_port,
    node, npm_package,
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
    /// The names of the checks that failed.
    failed: BTreeSet<String>,
    /// `Total: N passed, M failed` as the suite printed it.
    total: String,
    /// Whether every scored scenario passed (extensions are not scored).
    conforms: bool,
}

/// The two revisions' requirements, and what is graded apart from them.
#[derive(Debug, Clone, Copy)]
enum Suite {
    Requirements(&'static str),
    Scenario(&'static str),
}

impl Suite {
    fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Requirements(revision) => vec!["--requirements", revision],
            Self::Scenario(name) => vec!["--scenario", name, "--spec-version", "2026-07-28"],
        }
    }
}

/// A table that allows whatever the suite does, and for which every body, every argument and every list has
/// to be read.
const POLICY: &str = r#"
[[resource.rule]]
name = "nothing"
tools = ["*"]
forbid = true
arguments = [{ pointer = "/forbidden", equals = true }]

[[resource.rule]]
name = "simple"
tools = ["test_simple_*"]
arguments = [{ pointer = "/a/b", matches = "^never$" }]
scopes = ["mcp:admin"]

[[resource.rule]]
name = "everything"
tools = ["*"]
prompts = ["*"]
resources = ["*"]
scopes = ["mcp:read"]

[[resource.rule]]
methods = ["*"]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revision_2025_11_25_passes_84_of_84_checks_through_the_gate() {
    let stand = Stand::before(Upstream::conformance()).await;
    let suite = Suite::Requirements("2025-11-25");
    let [direct, plain, ruled] = stand.grade_all(suite).await;
    assert_eq!(
        direct.total, "Total: 84 passed, 0 failed",
        "the server behind the gate is a good one"
    );
    for gated in [plain, ruled] {
        assert_eq!(
            different(&gated, &direct),
            BTreeMap::new(),
            "{}",
            gated.total
        );
        assert_eq!(gated.total, direct.total);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revision_2026_07_28_has_no_check_that_is_worse_through_the_gate() {
    let stand = Stand::before(Upstream::conformance()).await;
    let suite = Suite::Requirements("2026-07-28");
    let [direct, plain, ruled] = stand.grade_all(suite).await;
    assert!(
        direct.checks.len() > 100,
        "only {} checks",
        direct.checks.len()
    );
    for gated in [plain, ruled] {
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
}

/// A server that validates no header that mirrors the body fails both; behind the gate it passes. All but one
/// check: that an `Mcp-Param-*` header is there at all is the server's to demand, because a gate knows only from
/// lists that it has seen which tools have any.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_40_row_41_headers_are_validated_where_the_server_does_not() {
    let stand = Stand::before(Upstream::careless()).await;
    let missing = [
        "ServerRejectsMissingCustomHeader",
        "ServerRejectsMissingCustomHeaderErrorCode",
    ];
    let left_to_the_server = BTreeSet::from(missing.map(str::to_owned));
    for (scenario, left) in [
        ("http-header-validation", BTreeSet::new()),
        ("http-custom-header-server-validation", left_to_the_server),
    ] {
        let suite = Suite::Scenario(scenario);
        let direct = stand.grade_directly(suite).await;
        let gated = stand.grade(&stand.ruled, suite).await;
        assert!(direct.failed.len() > left.len(), "{:?}", direct.failed);
        assert_eq!(gated.failed, left, "{}", gated.total);
        assert_eq!(gated.conforms, left.is_empty());
    }
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

/// A server, and two gates before it: one without a policy, and one with.
#[derive(Debug)]
struct Stand {
    upstream: Upstream,
    plain: Gated,
    ruled: Gated,
    _server: AuthorizationServer,
    _turn: tokio::sync::SemaphorePermit<'static>,
}

/// A gate behind whoever adds a token.
#[derive(Debug)]
struct Gated {
    gate: Gate,
    _injector: Injector,
}

impl Stand {
    async fn before(upstream: impl Future<Output = Upstream>) -> Self {
        let turn = limit::turn().await;
        let upstream = upstream.await;
        let server = AuthorizationServer::start(Kind::OidcProvider).await;
        let plain = GateBuilder::new(&upstream.url, &server);
        let ruled = GateBuilder::new(&upstream.url, &server).with_policy(POLICY);
        Self {
            plain: Gated::start(plain, &server).await,
            ruled: Gated::start(ruled, &server).await,
            upstream,
            _server: server,
            _turn: turn,
        }
    }

    /// Directly, through the gate, and through the gate with a policy.
    async fn grade_all(&self, suite: Suite) -> [Verdict; 3] {
        let direct = self.grade_directly(suite).await;
        assert!(direct.conforms, "the server behind the gate is a good one");
        let plain = self.grade(&self.plain, suite).await;
        let ruled = self.grade(&self.ruled, suite).await;
        for gated in [&plain, &ruled] {
            assert!(
                gated.conforms,
                "every scored scenario passes through the gate"
            );
        }
        [direct, plain, ruled]
    }

    async fn grade_directly(&self, suite: Suite) -> Verdict {
        grade(&self.upstream.url, suite).await
    }

    async fn grade(&self, gated: &Gated, suite: Suite) -> Verdict {
        grade(&gated.gate.resource, suite).await
    }
}

impl Gated {
    async fn start(gate: GateBuilder, server: &AuthorizationServer) -> Self {
        let public_port = free_port();
        let gate = gate.public_port(public_port).start().await;
        let token = server.token(&gate.resource, SCOPES).await;
        Self {
            _injector: Injector::start(public_port, gate.port, &token).await,
            gate,
        }
    }
}

async fn grade(url: &str, suite: Suite) -> Verdict {
    let results = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(node().path());
    command.arg(npm_package("@modelcontextprotocol/conformance/dist/index.js").path());
    command
        .args(["server", "--url", url])
        .args(suite.arguments())
        .arg("-o")
        .arg(results.path());
    command.current_dir(results.path());
    let mut process = Process::start("conformance", command);
    let conforms = process.wait(LIMIT).await.success();
    let output = process.output();
    let total = output
        .lines()
        .rev()
        .find(|line| line.starts_with("Total: ") || line.starts_with("Passed: "))
        .unwrap_or_else(|| panic!("no total:\n{output}"));
    eprintln!("{suite:?} at {url}: {total}");
    let listed = read_checks(results.path());
    Verdict {
        checks: by_check(&listed),
        failed: failed(&listed),
        total: total.to_owned(),
        conforms,
    }
}

/// One check as the suite wrote it down, and its scenario.
type Listed = (String, Value);

/// Reads `<scenario>-<time>/checks.json` of every scenario.
fn read_checks(results: &Path) -> Vec<Listed> {
    let entries = fs::read_dir(results).expect("results").flatten();
    let files = entries.filter_map(|entry| {
        let json = fs::read(entry.path().join("checks.json")).ok()?;
        let checks: Vec<Value> = serde_json::from_slice(&json).expect("checks are a JSON array");
        let name = entry.file_name().to_string_lossy().into_owned();
        Some((scenario(&name).to_owned(), checks))
    });
    files
        .flat_map(|(scenario, checks)| {
            checks
                .into_iter()
                .map(move |check| (scenario.clone(), check))
        })
        .collect()
}

fn by_check(listed: &[Listed]) -> Checks {
    let mut checks = Checks::new();
    for (scenario, check) in listed {
        let key = (scenario.clone(), text(check, "id"));
        checks.entry(key).or_default().push(status(check));
    }
    checks
}

fn failed(listed: &[Listed]) -> BTreeSet<String> {
    let failed = listed
        .iter()
        .filter(|(_, check)| status(check) == Status::Failure);
    failed
        .map(|(scenario, check)| {
            let name = text(check, "name");
            eprintln!("failed: {scenario}, {name}: {}", check["errorMessage"]);
            name
        })
        .collect()
}

fn status(check: &Value) -> Status {
    Status::parse(&text(check, "status"))
}

fn text(check: &Value, member: &str) -> String {
    let text = check[member].as_str();
    text.unwrap_or_else(|| panic!("no {member}: {check}"))
        .to_owned()
}

/// `server-tools-list-2026-11-23T11-53-52-964Z` without its time.
fn scenario(directory: &str) -> &str {
    let time = "-2026-11-23T11-53-52-964Z".len();
    directory
        .get(..directory.len().saturating_sub(time))
        .unwrap_or(directory)
}
