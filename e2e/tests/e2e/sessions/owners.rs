//! Who may use a session of a real server.

use oauthgate_e2e::{Gate, GateBuilder, Issuer, Recorder, Upstream};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::wire::{SESSION, Site, Wire, call_echo, heard, last_event_id, token};
use crate::limit;

const UNKNOWN: [u16; 3] = [404; 3];
const UNAUTHORIZED: [u16; 3] = [401; 3];

async fn check(upstream: Upstream) {
    let _turn = limit::turn().await;
    let site = Site::before(upstream).await;
    let gate = site.gate().start().await;
    let wire = Wire::to(&gate);
    let ada = site.ada(&gate.resource);
    let session = wire.open(&ada).await;
    assert!(wire.works(&ada, &session).await);
    refuse_others(&site, &gate, &wire, &session).await;
    let refreshed = site.ada(&gate.resource);
    assert!(
        wire.works(&refreshed, &session).await,
        "a new token of the same principal"
    );
    without_a_session_nothing_is_guessed(&wire, &ada).await;
    termination(&wire, &ada, &session).await;
}

async fn refuse_others(site: &Site, gate: &Gate, wire: &Wire, session: &str) {
    let of =
        |issuer: &Issuer, subject, client| token(issuer, &gate.resource, subject, client, 3600);
    let others = [
        ("another user", site.bob(&gate.resource)),
        ("another client", of(&site.one, "ada", "browser")),
        ("another issuer", of(&site.two, "ada", "editor")),
    ];
    for (who, token) in others {
        assert_eq!(wire.statuses(Some(&token), session).await, UNKNOWN, "{who}");
    }
    assert_eq!(wire.statuses(None, session).await, UNAUTHORIZED);
    let expired = token(&site.one, &gate.resource, "ada", "editor", -3600);
    assert_eq!(
        wire.statuses(Some(&expired), session).await,
        UNAUTHORIZED,
        "an expired token"
    );
}

/// The server says so, and not we.
async fn without_a_session_nothing_is_guessed(wire: &Wire, token: &str) {
    let answer = wire.post(Some(token), None, &call_echo("whose")).await;
    assert!(answer.status().is_client_error(), "{}", answer.status());
    let said = answer.text().await.unwrap_or_default();
    assert!(!said.contains("\"reference\""), "{said}");
}

async fn termination(wire: &Wire, token: &str, session: &str) {
    let answer = wire
        .send(Method::DELETE, Some(token), Some(session), &[], None)
        .await;
    assert!(answer.status().is_success(), "{}", answer.status());
    let answer = wire
        .post(Some(token), Some(session), &call_echo("too late"))
        .await;
    assert!(matches!(answer.status().as_u16(), 400 | 404));
    let said = answer.text().await.unwrap_or_default();
    assert!(
        !said.contains("\"reference\""),
        "the server's own refusal passes: {said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_17_row_18_row_19_g5_g6_server_everything() {
    check(Upstream::everything().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_17_row_18_row_19_g5_g6_pypi_mcp() {
    check(Upstream::python().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_17_row_18_row_19_g5_g6_typescript_sdk_2() {
    check(Upstream::conformance().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_resumes_no_stream_of_a() {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let gate = site.gate().start().await;
    let wire = Wire::to(&gate);
    let (ada, bob) = (site.ada(&gate.resource), site.bob(&gate.resource));
    let (adas, bobs) = (wire.open(&ada).await, wire.open(&bob).await);
    let version = ("mcp-protocol-version", "2025-11-25");
    let resume = async |token: &str, session: &str, event: &str| {
        let headers = [version, ("last-event-id", event)];
        wire.send(Method::GET, Some(token), Some(session), &headers, None)
            .await
    };
    let answer = wire
        .post(Some(&ada), Some(&adas), &call_echo("first"))
        .await;
    let first = heard(answer).await;
    let event = last_event_id(&first).expect("events have ids").to_owned();
    let answer = wire
        .post(Some(&ada), Some(&adas), &call_echo("second"))
        .await;
    assert!(heard(answer).await.contains("second"));
    let stolen = resume(&bob, &adas, &event).await;
    assert_eq!(stolen.status(), StatusCode::NOT_FOUND);
    let own = heard(resume(&bob, &bobs, &event).await).await;
    assert!(!own.contains("second"), "in B's own session: {own}");
    let replayed = heard(resume(&ada, &adas, &event).await).await;
    assert!(replayed.contains("second"), "A goes on: {replayed}");
}

/// The reference server keeps tasks apart by session, so whoever has no session of A has no task of A.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g7_b_neither_reads_nor_cancels_a_task_of_a() {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let gate = site.gate().start().await;
    let wire = Wire::to(&gate);
    let (ada, bob) = (site.ada(&gate.resource), site.bob(&gate.resource));
    let (adas, bobs) = (wire.open(&ada).await, wire.open(&bob).await);
    let begun = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "simulate-research-query", "arguments": { "topic": "gates" }, "task": { "ttl": 60_000 },
    }});
    let begun = heard(wire.post(Some(&ada), Some(&adas), &begun).await).await;
    let task = task_id(&begun);
    let ask = async |token: &str, session: &str, method: &str| {
        let asked =
            json!({ "jsonrpc": "2.0", "id": 2, "method": method, "params": { "taskId": task } });
        let answer = wire.post(Some(token), Some(session), &asked).await;
        (answer.status().as_u16(), heard(answer).await)
    };
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        assert_eq!(ask(&bob, &adas, method).await.0, 404, "{method}");
        let (_, said) = ask(&bob, &bobs, method).await;
        assert!(said.contains("\"error\""), "in B's own session: {said}");
    }
    let (_, listed) = ask(&bob, &bobs, "tasks/list").await;
    assert!(!listed.contains(&task), "{listed}");
    let (status, said) = ask(&ada, &adas, "tasks/get").await;
    assert!(
        status == 200 && said.contains("\"working\""),
        "it runs on: {said}"
    );
}

/// Out of the first event that has one.
fn task_id(stream: &str) -> String {
    let found = stream.split_once("\"taskId\":\"");
    let (_, rest) = found.unwrap_or_else(|| panic!("no task: {stream}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_45_no_session_of_a_modern_request_reaches_the_server() {
    let (issuer, upstream) = (Issuer::start().await, Recorder::start().await);
    let gate = GateBuilder::trusting(&upstream.url(), issuer.name());
    let gate = gate.start().await;
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("last-event-id", "7"),
    ];
    let answer = Wire::to(&gate)
        .send(
            Method::GET,
            Some(&issuer.token(&gate.resource)),
            Some("any"),
            &headers,
            None,
        )
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
    let passed = upstream.take().pop().expect("the request passed");
    assert!(passed.values(SESSION).is_empty() && passed.values("last-event-id").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unbound_sessions_are_anybodys_and_the_log_says_so() {
    let _turn = limit::turn().await;
    let site = Site::before(Upstream::everything().await).await;
    let gate = site.gate().set("OAUTHGATE_DANGER_UNBOUND_SESSIONS", "true");
    let gate = gate.start().await;
    let wire = Wire::to(&gate);
    let session = wire.open(&site.ada(&gate.resource)).await;
    assert!(!session.contains('.'), "the server's own id: {session}");
    assert!(
        wire.echoes(&site.bob(&gate.resource), &session, "hello")
            .await
    );
    let output = gate.process.output();
    assert!(output.contains("not bound to callers"), "{output}");
}
