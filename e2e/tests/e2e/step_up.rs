//! Every client logs in with the scopes for basic use, lists the tools, calls an open one, and then one that
//! needs more: 403 `insufficient_scope`, a second authorization for the wider scopes, and the call succeeds.

use std::collections::BTreeSet;

use oauthgate_e2e::{
    AuthorizationServer, Call, Client, Gate, GateBuilder, Kind, Step, StepUpJob, StepUpReport,
    Upstream, step_up,
};
use serde_json::json;

use crate::{limit, rmcp_client::rmcp_step_up};

const READ: &str = "mcp:read";
const WRITE: &str = "mcp:write";

/// What the harness starts for one client.
struct Scene {
    gate: Gate,
    job: StepUpJob,
    _server: AuthorizationServer,
    _upstream: Upstream,
}

impl Scene {
    /// `echo` is open to every good token; the other tool needs `mcp:write`.
    async fn start(kind: Kind, upstream: Upstream) -> Self {
        let server = AuthorizationServer::start(kind).await;
        let guarded = guarded_tool(&upstream);
        let gate = GateBuilder::new(&upstream.url, &server)
            .set("OAUTHGATE_REQUIRED_SCOPES", READ)
            .set("OAUTHGATE_SCOPES", READ)
            .set("OAUTHGATE_LIST_FILTER", "reachable")
            .with_policy(&policy(kind, &guarded.tool))
            .start()
            .await;
        let job = StepUpJob {
            url: gate.resource.clone(),
            calls: vec![echo(), guarded],
            refresh: false,
        };
        Self {
            gate,
            job,
            _server: server,
            _upstream: upstream,
        }
    }
}

/// At one authorization server a table of rules, at the other the scopes of tools.
fn policy(kind: Kind, guarded: &str) -> String {
    match kind {
        Kind::OidcProvider => {
            format!("unlisted_tools = \"allow\"\n[resource.tools]\n{guarded:?} = [{WRITE:?}]\n")
        }
        _ => format!(
            "[[resource.rule]]\ntools = [{guarded:?}]\nscopes = [{WRITE:?}]\n\
             [[resource.rule]]\ntools = [\"*\"]\n"
        ),
    }
}

fn echo() -> Call {
    Call {
        tool: "echo".to_owned(),
        arguments: json!({"message": "open"}),
    }
}

fn guarded_tool(upstream: &Upstream) -> Call {
    let (tool, arguments) = match upstream.name {
        "server-everything" => ("get-sum", json!({"a": 1, "b": 2})),
        _ => ("count", json!({"to": 2})),
    };
    Call {
        tool: tool.to_owned(),
        arguments,
    }
}

/// Two logins, the second for the wider scopes and the same resource, and every call answered.
fn assert_stepped_up(report: &StepUpReport, scene: &Scene, revision: Option<&str>) {
    assert_eq!(report.protocol.as_deref(), revision);
    let steps: Vec<_> = report
        .steps
        .iter()
        .filter(|step| **step != Step::Registered)
        .collect();
    let [
        Step::Authorize {
            scope: first,
            resource: for_first,
        },
        Step::Token { scope: basic },
        Step::Listed(tools),
        Step::Called {
            tool: open,
            said: echoed,
        },
        Step::Authorize {
            scope: second,
            resource: for_second,
        },
        Step::Token { scope: wider },
        Step::Called {
            tool: guarded,
            said,
        },
    ] = steps[..]
    else {
        panic!("not two logins: {:#?}", report.steps)
    };
    let resource = &scene.job.url;
    assert_eq!((scopes(first), for_first), ([READ].into(), resource));
    assert_eq!(scopes(basic), [READ].into());
    assert_eq!(scopes(second), [READ, WRITE].into(), "{second}");
    assert_eq!(for_second, resource);
    assert_eq!(scopes(wider), [READ, WRITE].into());
    let [echo, needs_more] = &scene.job.calls[..] else {
        unreachable!("two calls")
    };
    assert!(tools.contains(open) && tools.contains(guarded), "{tools:?}");
    assert_eq!((open, guarded), (&echo.tool, &needs_more.tool));
    assert!(echoed.contains("open"), "{echoed}");
    assert!(said.contains('2'), "{said}");
}

/// SDK 1.x with a refresh token: it answers the 403 by refreshing, which cannot add scopes (RFC 6749 §6), and
/// gives the call up at the second 403. Everything else it does as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typescript_sdk_1_refreshes_instead_of_stepping_up_when_it_can_refresh() {
    let _turn = limit::turn().await;
    let mut scene = Scene::start(Kind::DevIssuer, Upstream::typescript().await).await;
    scene.job.refresh = true;
    scene.job.calls.push(echo());
    let report = step_up(Client::TypescriptV1, &scene.job).await;
    let [
        Step::Registered,
        Step::Authorize { .. },
        Step::Token { .. },
        Step::Listed(_),
        Step::Called { .. },
        Step::Refresh { scope: None },
        Step::Token { scope },
        Step::Failed { tool, error },
        Step::Called { tool: open, .. },
    ] = &report.steps[..]
    else {
        panic!("not one login and a refresh: {:#?}", report.steps)
    };
    assert_eq!(scopes(scope), [READ].into());
    assert_eq!((tool.as_str(), open.as_str()), ("count", "echo"));
    assert!(error.contains("403 after trying upscoping"), "{error}");
    let refusals = scene.gate.refusals();
    let for_scope = refusals
        .iter()
        .filter(|reason| *reason == "insufficient_scope");
    assert_eq!(for_scope.count(), 2, "{refusals:?}");
}

/// SDK 1.x asks for what the challenge names and for nothing else, so two tools with scopes of their own take
/// them from each other at every turn; `cumulative` names those that the caller holds as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typescript_sdk_1_keeps_its_scopes_by_cumulative_challenges() {
    let needed = authorizations_by_turns("needed").await;
    let [read, write, admin] = [READ, WRITE, "mcp:admin"];
    assert_eq!(
        needed,
        [
            set([read]),
            set([read, write]),
            set([read, admin]),
            set([read, write])
        ]
    );
    let cumulative = authorizations_by_turns("cumulative").await;
    assert_eq!(
        cumulative,
        [set([read]), set([read, write]), set([read, write, admin])]
    );
}

fn set<const N: usize>(scopes: [&str; N]) -> BTreeSet<String> {
    scopes.map(str::to_owned).into()
}

/// What SDK 1.x asks for when it calls two tools by turns, each of which needs another scope.
async fn authorizations_by_turns(step_up_by: &str) -> Vec<BTreeSet<String>> {
    let _turn = limit::turn().await;
    let upstream = Upstream::everything().await;
    let server = AuthorizationServer::start(Kind::DevIssuer).await;
    let gate = GateBuilder::new(&upstream.url, &server)
        .set("OAUTHGATE_REQUIRED_SCOPES", READ)
        .set("OAUTHGATE_SCOPES", READ)
        .set("OAUTHGATE_STEP_UP", step_up_by)
        .with_policy(
            "[[resource.rule]]\ntools = [\"get-sum\"]\nscopes = [\"mcp:write\"]\n\
             [[resource.rule]]\ntools = [\"echo\"]\nscopes = [\"mcp:admin\"]\n",
        )
        .start()
        .await;
    let sum = guarded_tool(&upstream);
    let job = StepUpJob {
        url: gate.resource.clone(),
        calls: vec![sum.clone(), echo(), sum],
        refresh: false,
    };
    let report = step_up(Client::TypescriptV1, &job).await;
    let failed = report.steps.iter();
    let failed: Vec<_> = failed
        .filter(|step| matches!(step, Step::Failed { .. }))
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    let asked = report.steps.iter().filter_map(|step| match step {
        Step::Authorize { scope, .. } => Some(scopes(scope)),
        _ => None,
    });
    asked
        .map(|scopes| scopes.into_iter().map(str::to_owned).collect())
        .collect()
}

/// The gate refused nothing but what it had to: once for scope, and before that only requests without token.
fn assert_refused_once(gate: &Gate) {
    let refusals = gate.refusals();
    let for_scope = refusals
        .iter()
        .filter(|reason| *reason == "insufficient_scope");
    assert_eq!(for_scope.count(), 1, "{refusals:?}");
    let others = refusals
        .iter()
        .filter(|reason| *reason != "insufficient_scope");
    let others: BTreeSet<_> = others.collect();
    assert_eq!(others, BTreeSet::from([&"no_credentials".to_owned()]));
}

/// Without what only speaks to the authorization server.
fn scopes(value: &str) -> BTreeSet<&str> {
    let scopes = value.split(' ');
    scopes
        .filter(|scope| !matches!(*scope, "offline_access" | "openid"))
        .collect()
}

/// One test for each client at each pair of servers.
macro_rules! steps_up {
    ($($client:ident, $revision:expr, $run:expr;)+) => {
        $(mod $client {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn steps_up_at_the_dev_issuer_for_a_2026_server() {
                check(Kind::DevIssuer, Upstream::typescript()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn steps_up_at_oidc_provider_for_a_legacy_server() {
                check(Kind::OidcProvider, Upstream::everything()).await;
            }

            async fn check(kind: Kind, upstream: impl Future<Output = Upstream>) {
                let _turn = limit::turn().await;
                let upstream = upstream.await;
                let newest = upstream.revision;
                let scene = Scene::start(kind, upstream).await;
                let run: fn(StepUpJob) -> std::pin::Pin<Box<dyn Future<Output = StepUpReport> + Send>> = $run;
                let report = run(scene.job.clone()).await;
                let revision: fn(&'static str) -> Option<&'static str> = $revision;
                assert_stepped_up(&report, &scene, revision(newest));
                assert_refused_once(&scene.gate);
            }
        })+
    };
}

steps_up! {
    typescript_sdk_1, |_| Some("2025-11-25"), |job| Box::pin(async move { step_up(Client::TypescriptV1, &job).await });
    typescript_sdk_2, Some, |job| Box::pin(async move { step_up(Client::TypescriptV2, &job).await });
    npm_mcp_remote, |_| None, |job| Box::pin(async move { step_up(Client::McpRemote, &job).await });
    pypi_mcp, Some, |job| Box::pin(async move { step_up(Client::PythonMcp, &job).await });
    pypi_fastmcp, Some, |job| Box::pin(async move { step_up(Client::Fastmcp, &job).await });
    crate_rmcp, Some, |job| Box::pin(async move { rmcp_step_up(&job).await });
}
