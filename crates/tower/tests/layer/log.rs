//! What the log says about a refusal.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use oauthgate_core::{Denial, Reason};
use oauthgate_tower::{Reference, ResourceServerLayer};
use tracing_subscriber::{fmt, fmt::MakeWriter, layer::SubscriberExt};

use crate::support::*;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What is written while this is done.
async fn written<T>(done: impl Future<Output = T>) -> (String, T) {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::registry()
        .with(fmt::layer().with_ansi(false).with_writer(captured.clone()));
    let guard = tracing::subscriber::set_default(subscriber);
    let value = done.await;
    drop(guard);
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    (text, value)
}

/// Everything that one request writes, down to `trace`, and its reference.
async fn logged(
    server: &Server,
    request: http::Request<axum::body::Body>,
) -> (String, Option<String>) {
    let (text, answered) = written(server.ask(request)).await;
    (
        text,
        answered
            .parts
            .extensions
            .get::<Reference>()
            .map(|reference| reference.as_str().to_owned()),
    )
}

#[tokio::test]
async fn names_reason_and_reference_in_one_line() {
    let (text, reference) = logged(&Server::paved(), with_token("stale")).await;
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains("INFO") && text.contains("reason=\"expired\""),
        "{text}"
    );
    assert!(text.contains(&reference.unwrap()), "{text}");
}

#[tokio::test]
async fn says_which_scope_is_missing() {
    let layer = ResourceServerLayer::new(Provider::default()).require(requires("notes:write"));
    let (text, _) = logged(&Server::new(layer), with_token("good")).await;
    assert!(
        text.contains(r#"needs "notes:write", holds "notes:read""#.replace('"', "\\\"").as_str()),
        "{text}"
    );
}

#[tokio::test]
async fn h1_stays_one_line_whatever_the_detail_says() {
    let hostile = "kid \r\nINFO all is well \u{1b}[2J\u{2028}";
    let provider = Provider::refusing(Denial::new(Reason::UnknownKeyId).with_detail(hostile));
    let (text, _) = logged(&Server::new(ResourceServerLayer::new(provider)), get("/")).await;
    assert!(text.len() < 1_000, "{text}");
    assert_eq!(
        text.trim_end()
            .chars()
            .filter(|letter| letter.is_control() || *letter == '\u{2028}')
            .count(),
        0,
        "{text:?}"
    );
}

#[tokio::test]
async fn h2_never_holds_the_token() {
    let token = crate::issuer::token(&crate::issuer::claims_with(
        &serde_json::json!({ "exp": 1 }),
    ));
    for request in [
        with_token(&token),
        with_token("canary-token"),
        get("/?access_token=canary-token"),
    ] {
        let (text, _) = logged(&Server::paved(), request).await;
        assert!(!text.is_empty());
        assert!(
            !text.contains("canary-token") && !text.contains(token.split('.').next_back().unwrap()),
            "{text}"
        );
    }
}

#[tokio::test]
async fn is_silent_when_an_outer_layer_writes_the_log() {
    let server = Server::new(ResourceServerLayer::new(Provider::default()).without_refusal_log());
    assert_eq!(logged(&server, with_token("stale")).await.0, "");
}

/// The lines about clients over budget.
fn warnings(text: &str) -> Vec<&str> {
    let lines = text.lines();
    lines
        .filter(|line| line.contains("used up its budget"))
        .collect()
}

async fn refuse(server: &Server, times: usize, address: &str) {
    for number in 0..times {
        let request = with_token(&format!("forged-{address}-{number}"));
        server.ask(from_address(request, address)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_warning_says_which_client_went_over_its_budget_and_what_to_do() {
    let server = Server::paved();
    let attack = async {
        refuse(&server, 59, "192.0.2.1").await;
        refuse(&server, 10, "192.0.2.2").await;
    };
    let (text, ()) = written(attack).await;
    assert_eq!(warnings(&text), [""; 0], "nobody is over budget yet");
    let attack = async {
        refuse(&server, 1_000, "192.0.2.1").await;
        // A minute at the edge of the budget is no news.
        for _ in 0..60 {
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
            refuse(&server, 5, "192.0.2.1").await;
        }
    };
    let (text, ()) = written(attack).await;
    let lines = warnings(&text);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in ["192.0.2.1/32", "60/min", "OAUTHGATE_REFUSED_TOKENS"] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert!(!lines[0].contains("forged"), "{}", lines[0]);
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    let (text, ()) = written(refuse(&server, 1_000, "192.0.2.1")).await;
    assert_eq!(warnings(&text).len(), 1, "it had recovered");
}

#[tokio::test(start_paused = true)]
async fn h3_strangers_cannot_fill_the_log_with_warnings() {
    let server = Server::paved();
    let attack = async {
        for number in 0..100 {
            refuse(&server, 61, &format!("192.0.2.{number}")).await;
        }
    };
    let (text, ()) = written(attack).await;
    assert_eq!(warnings(&text).len(), 6);
    tokio::time::advance(std::time::Duration::from_secs(10)).await;
    let (text, ()) = written(refuse(&server, 61, "198.51.100.1")).await;
    let lines = warnings(&text);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("more_networks=94"), "{}", lines[0]);
}
