//! What the log says about a request, and what it never says.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tracing::{Event, Metadata, Subscriber, dispatcher::DefaultGuard, span, subscriber::Interest};

use super::{
    between::{Between, read_until, rest, write},
    expiry::{AT_ONCE, Opened},
    recorder::Recorder,
    support::{PATIENCE, Running},
};
use crate::telemetry::logs;

/// A log in memory.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps every place that logs attentive. Without a global subscriber, a place that is first reached by a
/// test without one of its own is switched off for all threads.
struct Attentive;

impl Subscriber for Attentive {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Log {
    /// A log of what this test's thread says, from a level on.
    pub(super) fn of_this_thread(level: &str) -> (Self, DefaultGuard) {
        static ATTENTIVE: Once = Once::new();
        ATTENTIVE.call_once(|| tracing::subscriber::set_global_default(Attentive).unwrap());
        let log = Self::default();
        let writer = log.clone();
        let guard = tracing::dispatcher::set_default(&logs::json(level, move || writer.clone()));
        (log, guard)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(super) fn access(&self) -> Vec<Value> {
        self.lines(|line| line["target"] == "oauthgate::access")
    }

    /// The one line with this message.
    fn saying(&self, message: &str) -> Value {
        let mut lines = self.lines(|line| line["message"] == message);
        assert_eq!(lines.len(), 1, "{}", self.text());
        lines.remove(0)
    }

    pub(super) fn lines(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(wanted)
            .collect()
    }
}

#[tokio::test]
async fn one_line_tells_how_each_request_ended_and_who_called() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::start().await;
    let good = gate.bearer(json!({}));
    gate.ask("GET /mcp/deep?q=1 HTTP/1.1", &[&good]).await;
    gate.ask("BREW /mcp HTTP/1.1", &[&good]).await;
    let refused = gate
        .ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({"exp": 1}))])
        .await;
    gate.ask("GET /elsewhere HTTP/1.1", &[]).await;

    let [passed, brewed, expired, elsewhere] = &log.access()[..] else {
        panic!("four lines: {}", log.text())
    };
    assert_eq!(
        (
            &passed["method"],
            &passed["resource"],
            &passed["status"],
            &passed["outcome"],
            &passed["reason"]
        ),
        (
            &json!("GET"),
            &json!("mcp"),
            &json!(200),
            &json!("allowed"),
            &json!("ok")
        )
    );
    assert_eq!(
        (&passed["client"], passed["caller"].as_str().unwrap().len()),
        (&json!("127.0.0.1"), 16)
    );
    assert_eq!(
        passed["caller"], brewed["caller"],
        "the same caller, the same fingerprint"
    );
    assert_eq!(brewed["method"], "other");
    assert_eq!(
        (&expired["status"], &expired["reason"], &expired["caller"]),
        (&json!(401), &json!("expired"), &Value::Null)
    );
    assert_eq!(expired["reference"], refused.json()["reference"]);
    assert_eq!(
        (&elsewhere["resource"], &elsewhere["reason"]),
        (&json!("none"), &json!("not_served"))
    );
    assert!(passed["duration_ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn of_allowed_requests_a_sample_is_written_and_of_others_each() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::with("test-1", |settings| settings.access_log_sample = 3).await;
    let good = gate.bearer(json!({}));
    for _ in 0..4 {
        assert_eq!(gate.ask("GET /mcp HTTP/1.1", &[&good]).await.status, 200);
        assert_eq!(gate.ask("GET /mcp HTTP/1.1", &[]).await.status, 401);
    }
    let lines = log.access();
    let shares = |outcome: &str| -> Vec<&Value> {
        let lines = lines.iter().filter(|line| line["outcome"] == outcome);
        lines.map(|line| &line["sample"]).collect()
    };
    assert_eq!(shares("allowed"), [&json!(3), &json!(3)]);
    assert_eq!(shares("refused"), [&Value::Null; 4]);
    let page = gate.ask_admin("/metrics").await.body;
    let counted = r#"oauthgate_requests_total{resource="mcp",outcome="allowed",reason="ok"} 4"#;
    assert!(page.contains(counted), "every request counts: {page}");
}

#[tokio::test]
async fn what_the_upstream_could_not_do_is_always_written() {
    let (log, _guard) = Log::of_this_thread("info");
    let recorder =
        Recorder::answering("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
            .await;
    let gate = Running::before(&recorder.url(), |settings| settings.access_log_sample = 0).await;
    let good = gate.bearer(json!({}));
    let answer = gate.ask("GET /mcp HTTP/1.1", &[&good]).await;
    assert_eq!(answer.status, 500);
    let lines = log.access();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["outcome"], &lines[0]["sample"]),
        (&json!("allowed"), &Value::Null)
    );
}

#[tokio::test]
async fn with_a_sample_of_none_only_what_did_not_pass_is_written() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::with("test-1", |settings| settings.access_log_sample = 0).await;
    gate.ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    gate.ask("GET /mcp HTTP/1.1", &[]).await;
    let lines = log.access();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["outcome"], "refused");
}

#[tokio::test]
async fn trap_35_who_acts_for_the_caller_is_in_the_record_and_never_the_caller() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::start().await;
    let acting = json!({"act": {"sub": "agent-1", "act": {"sub": "agent-0"}}});
    for claims in [json!({}), acting, json!({"act": {"sub": "a b"}})] {
        let answer = gate.ask("GET /mcp HTTP/1.1", &[&gate.bearer(claims)]).await;
        assert_eq!(answer.status, 200);
    }
    let [alone, delegated, odd] = &log.access()[..] else {
        panic!("three lines: {}", log.text())
    };
    assert_eq!(alone["actors"], Value::Null);
    assert_eq!(delegated["actors"], "agent-1 agent-0");
    assert_eq!(odd["actors"], "a\\u{20}b");
    assert_eq!(
        alone["caller"], delegated["caller"],
        "the caller is the same"
    );
}

#[tokio::test]
async fn row_20_h2_no_log_at_any_level_holds_a_token_a_query_or_a_cookie() {
    let (log, _guard) = Log::of_this_thread("trace");
    let gate = Running::start().await;
    let good = gate.signer.token(
        json!({ "canary": "canary-claim", "sub": "canary-subject", "email": "canary@example.com" }),
    );
    let bad = gate
        .signer
        .token(json!({ "exp": 1, "sub": "canary-subject" }));
    for token in [&good, &bad, "canary.canary.canary"] {
        let bearer = format!("Authorization: Bearer {token}");
        gate.ask(
            "GET /mcp?code=canary-query HTTP/1.1",
            &[&bearer, "Cookie: canary-cookie", "DPoP: canary-proof"],
        )
        .await;
    }
    gate.ask("GET /canary-path?access_token=canary-query HTTP/1.1", &[])
        .await;
    assert_eq!(log.access().len(), 4);
    for secret in [
        "canary",
        good.rsplit('.').next().unwrap(),
        bad.rsplit('.').next().unwrap(),
    ] {
        let ours: Vec<_> = log
            .text()
            .lines()
            .filter(|line| line.contains(secret))
            .map(str::to_owned)
            .collect();
        assert!(ours.is_empty(), "{secret} in {ours:#?}");
    }
}

#[tokio::test]
async fn h1_what_a_client_writes_cannot_break_a_line() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::start().await;
    let hostile = "x\r\n\u{1b}[31m\u{2028}\"}{\"a\":".repeat(100);
    let token = gate.signer.token(json!({ "iss": hostile, "sub": hostile }));
    gate.ask(
        "GET /mcp HTTP/1.1",
        &[&format!("Authorization: Bearer {token}")],
    )
    .await;
    gate.ask("GET /mcp HTTP/1.1", &["Origin: https://a\u{2028}b"])
        .await;
    let lines = log.access();
    assert_eq!(lines.len(), 2);
    for line in lines {
        let detail = line["detail"].as_str().unwrap_or_default();
        assert!(
            detail.len() <= 256 + '…'.len_utf8()
                && !detail.contains(['\r', '\n', '\u{1b}', '\u{2028}']),
            "{detail:?}"
        );
    }
}

#[tokio::test]
async fn h2_no_log_at_any_level_holds_what_the_upstream_was_sent_or_said() {
    let (log, _guard) = Log::of_this_thread("trace");
    let recorder = Recorder::answering(
        "HTTP/1.1 302 Found\r\nLocation: /canary-location\r\nSet-Cookie: canary-cookie\r\n\
         Content-Length: 11\r\nConnection: close\r\n\r\ncanary-body",
    )
    .await;
    let gate = Running::before(&recorder.url(), |_| {}).await;
    let bearer = gate.bearer(json!({ "sub": "canary-subject" }));
    let lines = [&bearer, "Cookie: canary-cookie", "X-Api-Key: canary-key"];
    let line = "GET /mcp/canary-path?code=canary-query HTTP/1.1";
    assert_eq!(gate.ask(line, &lines).await.status, 302);
    assert_eq!(log.access().len(), 1);
    assert!(!log.text().contains("canary"), "{}", log.text());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_after_its_line() {
    let (log, _guard) = Log::of_this_thread("info");
    let between = Between::start().await;
    let (mut client, mut upstream, _) = between.request("GET /mcp HTTP/1.1\r\n").await;
    write(
        &mut upstream,
        "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf",
    )
    .await;
    read_until(&mut client, "half").await;
    drop(upstream);
    rest(&mut client).await;
    let line = log.saying("the upstream broke off its answer");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["reference"], log.access()[0]["reference"]);
}

#[tokio::test]
async fn an_upstream_that_wants_credentials_of_its_own_is_told() {
    let (log, _guard) = Log::of_this_thread("info");
    let recorder =
        Recorder::answering("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
    let gate = Running::before(&recorder.url(), |_| {}).await;
    gate.ask("GET /mcp HTTP/1.1", &[&gate.bearer(json!({}))])
        .await;
    let line = log.saying(
        "the upstream answered 401 to an authorized request: it asks for credentials of its own",
    );
    assert_eq!(line["upstream"], recorder.address.to_string());
    assert_eq!(line["reference"], log.access()[0]["reference"]);
}

#[tokio::test]
async fn a_refusal_is_told_when_it_is_decided_not_when_its_client_has_sent_all() {
    let (log, _guard) = Log::of_this_thread("info");
    let gate = Running::start().await;
    let mut client = TcpStream::connect(gate.public).await.unwrap();
    let head = "POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Length: 10\r\n\r\n";
    write(&mut client, head).await;
    let told = timeout(PATIENCE, async {
        while log.access().is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    told.await
        .expect("the line, while the body is still awaited");
    let took = log.access()[0]["duration_ms"].as_f64().unwrap();
    assert!(took < PATIENCE.as_secs_f64() * 1e3, "{took} ms");
}

#[tokio::test]
async fn a_stream_that_ends_with_its_token_gets_a_line_of_its_own() {
    let (log, _guard) = Log::of_this_thread("info");
    let mut opened = Opened::streaming(AT_ONCE).await;
    read_until(&mut opened.client, "0\r\n\r\n").await;
    let (began, ended) = match &log.access()[..] {
        [.., began, ended] => (began.clone(), ended.clone()),
        lines => panic!("two lines: {lines:?}"),
    };
    assert_eq!(ended["outcome"], "stream_ended");
    assert_eq!(ended["reason"], "expired");
    for name in ["resource", "reference"] {
        assert!(ended[name].is_string());
        assert_eq!(ended[name], began[name], "{name}");
    }
}
