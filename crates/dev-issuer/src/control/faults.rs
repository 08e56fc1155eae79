//! Faults: an endpoint that stalls, fails or answers garbage.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

/// An endpoint that can be counted and made to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the endpoints")]
pub enum Endpoint {
    Metadata,
    Jwks,
    Authorize,
    Token,
    Register,
    Revoke,
    Introspect,
}

/// How an endpoint misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Milliseconds to wait before any answer.
    pub stall_ms: u64,
    /// What to answer then; the true answer if `None`.
    pub answer: Option<FaultAnswer>,
    /// How many requests are hit before the endpoint is well again; all if `None`.
    pub times: Option<u32>,
}

impl Fault {
    /// Stalls every request, then answers truly.
    #[must_use]
    pub fn stall(milliseconds: u64) -> Self {
        Self {
            stall_ms: milliseconds,
            answer: None,
            times: None,
        }
    }

    /// Answers every request this way.
    #[must_use]
    pub fn answer(answer: FaultAnswer) -> Self {
        Self {
            stall_ms: 0,
            answer: Some(answer),
            times: None,
        }
    }

    /// Ends after so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

/// A wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAnswer {
    /// This status with an empty body (`Retry-After: 1` with 429 and 503).
    Status(u16),
    /// 200 with a HTML page, as a captive portal would.
    Html,
    /// 200 with an empty JWK set.
    EmptySet,
    /// 200 with ten megabytes that are valid JSON.
    Oversized,
    /// 200 with JSON that ends in the middle.
    Truncated,
    /// 302 to a metadata address of a cloud.
    Redirect,
}

/// The longest stall; longer ones are cut.
const MAX_STALL: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<HashMap<Endpoint, Fault>>);

impl Faults {
    pub(crate) fn set(&self, endpoint: Endpoint, fault: Fault) {
        self.lock().insert(endpoint, fault);
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// The fault that hits this request, counted.
    fn next(&self, endpoint: Endpoint) -> Option<Fault> {
        let mut faults = self.lock();
        let fault = faults.get_mut(&endpoint)?;
        match &mut fault.times {
            Some(0) => return None,
            Some(times) => *times -= 1,
            None => {}
        }
        Some(*fault)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Endpoint, Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stalls if told to; the wrong answer if there is one.
pub(crate) async fn misbehave(faults: &Faults, endpoint: Endpoint) -> Option<Response> {
    let fault = faults.next(endpoint)?;
    if fault.stall_ms > 0 {
        tokio::time::sleep(Duration::from_millis(fault.stall_ms).min(MAX_STALL)).await;
    }
    fault.answer.map(wrong_answer)
}

fn wrong_answer(answer: FaultAnswer) -> Response {
    match answer {
        FaultAnswer::Status(code) => failed(code),
        FaultAnswer::Html => ok(
            "text/html",
            "<!doctype html><title>Welcome</title><h1>Sign in to the network</h1>",
        ),
        FaultAnswer::EmptySet => ok("application/json", r#"{"keys":[]}"#),
        FaultAnswer::Oversized => ok(
            "application/json",
            format!("{{\"keys\":[{}]}}", " ".repeat(10 << 20)),
        ),
        FaultAnswer::Truncated => ok("application/json", r#"{"keys":[{"kty":"RSA","n":"#),
        FaultAnswer::Redirect => (
            StatusCode::FOUND,
            [(header::LOCATION, "http://169.254.169.254/latest/meta-data/")],
        )
            .into_response(),
    }
}

fn failed(code: u16) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = status.into_response();
    if matches!(code, 429 | 503) {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn ok(content_type: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}
