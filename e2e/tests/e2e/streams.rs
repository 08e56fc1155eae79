//! Streams end with the token that opened them, and real clients go on with the next one.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use oauthgate_e2e::{
    AuthorizationServer, Called, Gate, GateBuilder, OutliveJob, OutliveReport, Upstream,
    outlive_in_python, outlive_in_typescript,
};
use rmcp::{
    RoleClient,
    model::SubscriptionFilter,
    service::{RunningService, ServiceError, SubscriptionEnd},
    transport::AuthClient,
};
use serde_json::json;
use tokio::time::sleep;

use crate::{limit, rmcp_client};

/// How long tokens live, in seconds.
const LIFE: u64 = 4;
/// The long call takes as long as several tokens.
const WAIT: u64 = 15;
/// How long clients wait for it on a machine that is busy.
const PATIENCE: u64 = 120;
/// So do the notifications go on coming.
const LAST: u64 = 10;

struct Scene {
    gate: Gate,
    job: OutliveJob,
    _server: AuthorizationServer,
    _upstream: Upstream,
}

impl Scene {
    /// A gate that ends streams with their tokens at once, and reads what is called.
    async fn start(era: &str) -> Self {
        let upstream = Upstream::ticking(era).await;
        let server = AuthorizationServer::dev_issuer_of_short_tokens(LIFE as i64).await;
        let gate = GateBuilder::new(&upstream.url, &server)
            .set("OAUTHGATE_CLOCK_SKEW", "0")
            .set("OAUTHGATE_STREAM_EXPIRY_GRACE", "0")
            .with_policy("unlisted_tools = \"allow\"\n[resource.tools]\nsecret = [\"mcp:write\"]\n")
            .start()
            .await;
        let job = OutliveJob {
            url: gate.resource.clone(),
            wait: WAIT,
            patience: PATIENCE,
            last: LAST,
        };
        Self {
            gate,
            job,
            _server: server,
            _upstream: upstream,
        }
    }

    async fn expired_streams(&self) -> u64 {
        let metrics = self.gate.metrics().await;
        let line = metrics
            .lines()
            .find(|line| line.starts_with("oauthgate_streams_expired_total"));
        let value = line.and_then(|line| line.rsplit(' ').next());
        value.expect("a counter").parse().expect("a number")
    }

    /// One login; from then on tokens are renewed without the user, notifications go on coming over several
    /// of them, and calls are answered.
    async fn assert_outlived(&self, report: &OutliveReport, revision: &str) {
        self.assert_went_on(report, revision).await;
        assert_eq!(report.logins, 1, "{report:?}");
    }

    async fn assert_went_on(&self, report: &OutliveReport, revision: &str) {
        assert_eq!(report.protocol, revision, "{report:?}");
        assert_eq!(report.next, "Echo: again", "{report:?}");
        assert!(report.tokens >= 3, "{report:?}");
        assert!(report.heard >= 8, "{report:?}");
        assert!(self.expired_streams().await >= 2, "{report:?}");
    }
}

/// The call that was cut is answered at once, and says why.
fn assert_cut(report: &OutliveReport) {
    let Called::Failed { code, error } = &report.called else {
        panic!("answered: {report:?}")
    };
    assert_eq!(*code, Some(401), "{report:?}");
    assert!(error.contains("The access token expired"), "{error}");
    assert!(report.took_ms < WAIT * 1000, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_typescript_sdk_2_outlives_its_tokens_in_2026() {
    let _turn = limit::turn().await;
    let scene = Scene::start("modern").await;
    let report = outlive_in_typescript(2, &scene.job).await;
    scene.assert_outlived(&report, "2026-07-28").await;
    assert_cut(&report);
    assert!(report.ends.iter().all(|end| end == "remote"), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_pypi_mcp_outlives_its_tokens_in_2026() {
    let _turn = limit::turn().await;
    let scene = Scene::start("modern").await;
    let report = outlive_in_python(&scene.job).await;
    // It takes a token for good until its own clock says otherwise, which began when the token came. A 401
    // before that it answers with a whole login, not with its refresh token.
    scene.assert_went_on(&report, "2026-07-28").await;
    assert_cut(&report);
    assert!(report.ends.iter().all(|end| end == "lost"), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_typescript_sdk_1_outlives_its_tokens_in_a_session() {
    let _turn = limit::turn().await;
    let scene = Scene::start("legacy").await;
    let report = outlive_in_typescript(1, &scene.job).await;
    scene.assert_outlived(&report, "2025-11-25").await;
    assert_cut(&report);
}

/// Events with ids: the call that was cut comes to its end on another stream, opened with another token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_typescript_sdk_2_resumes_a_call_with_its_next_token() {
    let _turn = limit::turn().await;
    let scene = Scene::start("resumable").await;
    let report = outlive_in_typescript(2, &scene.job).await;
    scene.assert_outlived(&report, "2025-11-25").await;
    let text = format!("Waited {WAIT} s");
    assert_eq!(report.called, Called::Answered { text }, "{report:?}");
}

/// SDK 1.x forgets the `Last-Event-ID` when it hears 401 (`_authThenStart`), and asks for a stream from its
/// beginning: the server has one already, and the call is never answered. It resumes only if another of its
/// streams has fetched the new token before. Everything else goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_typescript_sdk_1_goes_on_when_it_forgot_what_to_resume() {
    let _turn = limit::turn().await;
    let mut scene = Scene::start("resumable").await;
    scene.job.patience = WAIT + 10;
    let report = outlive_in_typescript(1, &scene.job).await;
    scene.assert_outlived(&report, "2025-11-25").await;
    match &report.called {
        Called::Answered { text } => assert_eq!(*text, format!("Waited {WAIT} s")),
        Called::Failed { error, .. } => assert!(error.contains("Request timed out"), "{report:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_rmcp_outlives_its_tokens_in_2026() {
    let _turn = limit::turn().await;
    let scene = Scene::start("modern").await;
    let report = outlive_in_rust(&scene.job).await;
    scene.assert_outlived(&report, "2026-07-28").await;
    assert_cut(&report);
    assert!(report.ends.iter().all(|end| end == "Abrupt"), "{report:?}");
}

type Auth = AuthClient<reqwest::Client>;
type Connected = RunningService<RoleClient, rmcp_client::Handler>;

/// What came of listening.
#[derive(Default)]
struct Heard {
    notifications: usize,
    tokens: BTreeSet<String>,
    ends: Vec<String>,
    troubles: Vec<String>,
}

async fn outlive_in_rust(job: &OutliveJob) -> OutliveReport {
    let (auth, _) = rmcp_client::log_in(&job.url).await;
    let client = rmcp_client::connect(auth.clone(), &job.url).await;
    let began = Instant::now();
    let wait = rmcp_client::call("wait", &json!({ "seconds": job.wait }));
    let (called, heard) = tokio::join!(
        async {
            let called = client.call_tool(wait).await;
            let called = match called {
                Ok(result) => Called::Answered {
                    text: rmcp_client::first_text(&result),
                },
                Err(ServiceError::McpError(error)) => Called::Failed {
                    code: Some(error.code.0.into()),
                    error: error.message.into_owned(),
                },
                Err(error) => Called::Failed {
                    code: None,
                    error: error.to_string(),
                },
            };
            (called, began.elapsed())
        },
        hear(&auth, &client, Duration::from_secs(job.last))
    );
    let echo = rmcp_client::call("echo", &json!({ "message": "again" }));
    let said = client.call_tool(echo).await.expect("the next call");
    OutliveReport {
        protocol: rmcp_client::protocol(&client),
        called: called.0,
        took_ms: called.1.as_millis() as u64,
        next: rmcp_client::first_text(&said),
        heard: heard.notifications,
        tokens: heard.tokens.len(),
        logins: 1,
        ends: heard.ends,
        troubles: heard.troubles,
    }
}

/// Listens, and listens again when the subscription is lost, for as long.
async fn hear(auth: &Auth, client: &Connected, last: Duration) -> Heard {
    let mut heard = Heard::default();
    let mut first = None;
    while first.is_none_or(|first: Instant| first.elapsed() < last) {
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        let mut subscription = match client.listen(filter).await {
            Ok(subscription) => subscription,
            Err(error) => {
                heard.troubles.push(error.to_string());
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        heard
            .tokens
            .insert(auth.get_access_token().await.expect("a token"));
        while let Ok(Some(_)) = subscription.next().await {
            first.get_or_insert_with(Instant::now);
            heard.notifications += 1;
        }
        let end = match subscription.end() {
            Some(SubscriptionEnd::Abrupt) => "Abrupt".to_owned(),
            other => format!("{other:?}"),
        };
        heard.ends.push(end);
    }
    heard
}
