//! Logins for tokens that only the authorization server can read: a client notices nothing, and a token
//! that was taken back is soon worth nothing.

use std::time::{Duration, Instant};

use oauthgate_e2e::{
    AuthorizationServer, ClientReport, GateBuilder, Kind, Recorder, Upstream, python_client,
    typescript_client,
};

use crate::{
    limit,
    login::{assert_logged_in, start},
    rmcp_client::rmcp_client,
};

/// How long an answer is believed.
const TTL: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_logs_in_for_opaque_tokens() {
    let _turn = limit::turn().await;
    let upstream = Upstream::typescript().await;
    let (_server, gate, job) = start(Kind::OpaqueDevIssuer, &upstream).await;
    let reports: [ClientReport; 3] = [
        typescript_client("client-v2.mjs", &job).await,
        python_client(&job).await,
        rmcp_client(&job).await,
    ];
    for report in reports {
        assert_logged_in(&report, &job, upstream.revision);
    }
    let (_, report) = gate.readiness().await;
    let asked = report["introspection"][0]["active"].as_u64();
    assert!(asked >= Some(3), "one question for each login: {report}");
}

#[tokio::test]
async fn a_revoked_token_is_out_within_the_time_that_answers_are_believed() {
    let server = AuthorizationServer::start(Kind::OpaqueDevIssuer).await;
    let upstream = Recorder::start().await;
    let gate = GateBuilder::new(&upstream.url(), &server).set(
        "OAUTHGATE_INTROSPECTION_CACHE_TTL",
        TTL.as_secs().to_string(),
    );
    let gate = gate.start().await;
    let [revoked, kept] = [
        server.log_in(&gate.resource).await.access,
        server.log_in(&gate.resource).await.access,
    ];
    for token in [&revoked, &kept] {
        assert!(!token.contains('.'), "a token that can be read");
        assert_eq!(gate.status(token).await, 200);
    }
    server.revoke(&revoked).await;
    let revoked_at = Instant::now();
    loop {
        let asked = Instant::now();
        match gate.verdict(&revoked).await {
            (401, reason) => break assert_eq!(reason, "inactive_token"),
            verdict => assert_eq!(verdict, (200, "ok".to_owned())),
        }
        assert!(asked < revoked_at + TTL, "good after {TTL:?}");
        tokio::time::sleep(POLL).await;
    }
    assert_eq!(gate.status(&kept).await, 200);
    let passed = upstream.take().len();
    assert_eq!(gate.status(&revoked).await, 401);
    assert!(passed >= 3 && upstream.take().is_empty());
}
