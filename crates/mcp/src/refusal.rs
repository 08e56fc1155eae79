//! How a refused message is answered.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use oauthgate_core::{Denial, ProtectedResource, Reason, text::Printable};
use oauthgate_tower::{Reference, response};
use serde_json::{Map, Value, json};

use crate::{
    Revision,
    body::ReadError,
    headers::{Mismatch, Objection},
    jsonrpc::{Flaw, Unreadable},
};

/// JSON-RPC 2.0 §5.1.
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
/// What the reference server of the older revisions says of a session it does not know; clients that begin
/// a new one look for this code, or for the status alone. No new code: revisions without sessions never see it.
const SESSION_NOT_FOUND: i32 = -32001;
/// MCP 2026-07-28, Error Codes.
const HEADER_MISMATCH: i32 = -32020;
const UNSUPPORTED_PROTOCOL_VERSION: i32 = -32022;

/// A refusal, and what a JSON-RPC client is told about it.
#[derive(Debug)]
pub(crate) struct Refusal {
    denial: Denial,
    error: Option<Box<RpcError>>,
}

#[derive(Debug)]
struct RpcError {
    code: i32,
    message: String,
    id: Option<Value>,
    data: Map<String, Value>,
}

const UNLIKE: &str = "The body is not one JSON-RPC message that every reader understands alike.";

impl Refusal {
    /// The message is understood, and wrong or not allowed.
    pub(crate) fn of_message(denial: Denial, id: Option<&Value>) -> Self {
        if denial.reason() != Reason::MalformedMessage {
            return denial.into();
        }
        Self::told(denial, INVALID_REQUEST, UNLIKE.to_owned(), id)
    }

    /// The headers do not go with the body.
    pub(crate) fn of_objection(objection: Objection, id: Option<&Value>) -> Self {
        match objection {
            Objection::Mismatch(mismatch) => Self::of_mismatch(mismatch, id),
            Objection::Unsupported(requested) => Self::of_revision(&requested, id),
            Objection::Flaw(flaw) => Self::of_flaw(flaw, id),
        }
    }

    fn of_mismatch(mismatch: Mismatch, id: Option<&Value>) -> Self {
        let denial = Denial::new(Reason::HeaderMismatch).with_detail(mismatch.to_string());
        let message = format!("Header mismatch: {mismatch}");
        Self::told(denial, HEADER_MISMATCH, message, id)
    }

    /// Names what would be understood, so that the client can choose (MCP 2026-07-28, Versioning).
    fn of_revision(requested: &str, id: Option<&Value>) -> Self {
        let detail = format!("unknown revision \"{}\"", Printable(requested));
        let denial = Denial::new(Reason::UnsupportedRevision).with_detail(detail);
        let message = "Unsupported protocol version".to_owned();
        let mut refusal = Self::told(denial, UNSUPPORTED_PROTOCOL_VERSION, message, id);
        if let Some(error) = &mut refusal.error {
            let supported = Revision::ALL.iter().rev().map(|known| known.as_str());
            error
                .data
                .insert("supported".to_owned(), supported.collect());
            error.data.insert("requested".to_owned(), requested.into());
        }
        refusal
    }

    fn of_flaw(flaw: Flaw, id: Option<&Value>) -> Self {
        let denial = Denial::new(Reason::MalformedMessage).with_detail(flaw.to_string());
        Self::told(denial, INVALID_REQUEST, flaw.to_string(), id)
    }

    /// The request names a session that is not this caller's. Which request it was is not read.
    pub(crate) fn of_session(denial: Denial) -> Self {
        if denial.reason() != Reason::UnknownSession {
            return denial.into();
        }
        let message = "Session not found".to_owned();
        Self::told(denial, SESSION_NOT_FOUND, message, None)
    }

    fn told(denial: Denial, code: i32, message: String, id: Option<&Value>) -> Self {
        let error = RpcError {
            code,
            message,
            id: id.cloned(),
            data: Map::new(),
        };
        Self {
            denial,
            error: Some(Box::new(error)),
        }
    }

    /// The body's bytes cannot be decided on.
    pub(crate) fn unreadable(detail: &'static str) -> Self {
        Denial::new(Reason::UnreadableBody)
            .with_detail(detail)
            .into()
    }

    /// The answer, with the refusal and its reference in the response's extensions.
    pub(crate) fn answer(
        self,
        method: &Method,
        resource: &ProtectedResource,
        reference: Reference,
    ) -> Response<Full<Bytes>> {
        let body = self.error.map(|error| error.body(&reference));
        let mut answer = response::refusal(method, self.denial, resource, reference);
        if let Some(body) = body {
            replace_body(&mut answer, method, body);
        }
        answer
    }

    pub(crate) fn denial(&self) -> &Denial {
        &self.denial
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self {
            denial,
            error: None,
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge => Denial::new(Reason::BodyTooLarge).into(),
            ReadError::TooSlow => Denial::new(Reason::SlowRequest).into(),
            ReadError::Interrupted => Self::unreadable("the client broke off"),
        }
    }
}

impl From<Unreadable> for Refusal {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Json(error) => {
                let denial = Denial::new(Reason::MalformedMessage).with_detail(error.to_string());
                Self::told(denial, PARSE_ERROR, UNLIKE.to_owned(), None)
            }
            Unreadable::Invalid { flaw, id } => Self::of_flaw(flaw, id.as_ref()),
        }
    }
}

impl RpcError {
    /// MCP 2026-07-28 leaves `id` out where it could not be read.
    fn body(mut self, reference: &Reference) -> Bytes {
        self.data
            .insert("reference".to_owned(), reference.as_str().into());
        let error = json!({ "code": self.code, "message": self.message, "data": self.data });
        let mut body = json!({ "jsonrpc": "2.0", "error": error });
        if let (Some(id), Some(members)) = (self.id, body.as_object_mut()) {
            members.insert("id".to_owned(), id);
        }
        body.to_string().into()
    }
}

fn replace_body(answer: &mut Response<Full<Bytes>>, method: &Method, body: Bytes) {
    answer
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    if method != Method::HEAD {
        *answer.body_mut() = Full::new(body);
    }
}

/// The program's mistake, not the caller's: nobody said who is calling.
pub(crate) fn misplaced(layer: &str) -> Response<Full<Bytes>> {
    tracing::error!(
        "{layer} is not behind ResourceServerLayer: the request carries no UserContext"
    );
    let mut response = Response::new(Full::from(format!(
        "{layer} is not behind ResourceServerLayer"
    )));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
