//! What is said when an admin call is not done.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

/// Why a call was not done: a status, a stable code, and a sentence.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    body: Map<String, Value>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let mut body = Map::new();
        body.insert("error".to_owned(), json!(code));
        body.insert("detail".to_owned(), json!(detail.into()));
        Self {
            status,
            code,
            body,
            header: None,
        }
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// With something else that helps.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.body.insert(name.to_owned(), value);
        self
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
