//! Every client logs in at every authorization server, through the gate, and calls tools of every server:
//! 401, resource metadata, server metadata, registration, PKCE with `resource`, token, `tools/list`, `tools/call`.

use oauthgate_e2e::{
    AuthorizationServer, ClientReport, Gate, GateBuilder, Job, Kind, Upstream, python_client,
    typescript_client,
};

use crate::{limit, rmcp_client::rmcp_client};

/// The newest revision that TypeScript SDK 1.x speaks.
const V1_REVISION: &str = "2025-11-25";
/// Progress that was held back arrives all at once.
const LEAST_SPREAD_MS: u64 = 40;

pub(crate) async fn start(kind: Kind, upstream: &Upstream) -> (AuthorizationServer, Gate, Job) {
    let server = AuthorizationServer::start(kind).await;
    let gate = GateBuilder::new(&upstream.url, &server).start().await;
    let job = Job {
        url: gate.resource.clone(),
        echo: format!("over {}", upstream.name),
        progress: upstream.progress.clone(),
    };
    (server, gate, job)
}

pub(crate) fn assert_logged_in(report: &ClientReport, job: &Job, revision: &str) {
    assert_eq!(report.answer, format!("Echo: {}", job.echo));
    assert_eq!(
        report.protocol, revision,
        "the gate must not get between the client and its newest revision"
    );
    assert!(
        report.tools.iter().any(|tool| tool == "echo"),
        "{:?}",
        report.tools
    );
    assert!(
        report.progress >= 3,
        "progress came {} times",
        report.progress
    );
    assert!(
        report.spread_ms >= LEAST_SPREAD_MS,
        "progress was held back: all within {} ms",
        report.spread_ms
    );
    let [first, authorize, last] = report.steps.as_slice() else {
        panic!("not one login: {:?}", report.steps)
    };
    assert_eq!((first.as_str(), last.as_str()), ("registered", "token"));
    assert!(
        authorize.contains("scope=mcp:read"),
        "the scopes of the challenge are asked for: {authorize}"
    );
    assert!(
        authorize.contains(&format!("resource={}", job.url)),
        "{authorize}"
    );
    assert!(authorize.contains("pkce=S256"), "{authorize}");
}

/// One test for each pair of upstream and authorization server.
macro_rules! pairs {
    ($client:ident, $run:expr, $revision:expr, { $($upstream:ident),+ }) => {
        mod $client {
            use super::*;
            $(mod $upstream {
                use super::*;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn logs_in_at_the_dev_issuer() {
                    check(Kind::DevIssuer).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn logs_in_at_oidc_provider() {
                    check(Kind::OidcProvider).await;
                }

                async fn check(kind: Kind) {
                    let _turn = limit::turn().await;
                    let upstream = Upstream::$upstream().await;
                    let (_server, _gate, job) = start(kind, &upstream).await;
                    let run: fn(Job) -> std::pin::Pin<Box<dyn Future<Output = ClientReport> + Send>> = $run;
                    let report = run(job.clone()).await;
                    let revision: Option<&str> = $revision;
                    assert_logged_in(&report, &job, revision.unwrap_or(upstream.revision));
                }
            })+
        }
    };
}

pairs!(typescript_sdk_1, |job| Box::pin(async move { typescript_client("client-v1.mjs", &job).await }), Some(V1_REVISION), { everything, typescript });
pairs!(typescript_sdk_2, |job| Box::pin(async move { typescript_client("client-v2.mjs", &job).await }), None, { everything, typescript });
pairs!(pypi_mcp, |job| Box::pin(async move { python_client(&job).await }), None, { everything, typescript, python });
pairs!(crate_rmcp, |job| Box::pin(async move { rmcp_client(&job).await }), None, { everything, typescript });
