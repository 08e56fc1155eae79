//! What an MCP client is told when the stream that answers it ends with its token.
//!
//! Whoever waits for the answer to a call would wait on when the stream just ends. So the call is answered
//! with an error, unless
//!
//! - its answer was on the stream already;
//! - the client can get the rest: a legacy stream whose events have ids is resumed with `Last-Event-ID`,
//!   and an error would end the call instead;
//! - it is a subscription. The server is to close the stream, no more (MCP 2026-07-28, Subscriptions); the
//!   result that may come before means "deliberately, on shutdown", and the official clients do not listen
//!   again after it. After a mere end they do;
//! - nobody knows the call: a `GET` stream, a batch, a body that no policy read.

mod watched;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use http::{Response, request::Parts};
use oauthgate_core::Reason;
use oauthgate_tower::{
    Reference, StreamDeadline, StreamFarewell,
    stream_expiry::{LastWords, is_event_stream},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

pub use self::watched::Watched;
use crate::{Message, Payload, Revision, sse::Event};

/// The error's code, as the HTTP status would be that the next request gets. MCP 2026-07-28 (Error Codes)
/// wants codes of one's own outside of the range that JSON-RPC reserves, and -32603 would blame the server.
const TOKEN_EXPIRED: i32 = 401;
const MESSAGE: &str =
    "The access token expired before this was answered. It may be asked again with a new token.";

const LISTEN: &str = "subscriptions/listen";

/// The farewell to the client of one request. Rides in the request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Farewell(Arc<Call>);

/// A call that waits for its answer.
#[derive(Debug)]
struct Call {
    id: Value,
    reference: Reference,
    /// Whether the client comes back for the rest of a stream whose events have ids.
    resumes: bool,
    is_answered: AtomicBool,
    has_ids: AtomicBool,
}

impl Farewell {
    /// To the client that sent this, if anybody waits for its answer and any stream is to be ended.
    pub(crate) fn to_sender_of(payload: &Payload, parts: &Parts) -> Option<Self> {
        parts.extensions.get::<StreamDeadline>()?;
        let Payload::Single(message) = payload else {
            return None;
        };
        if message.method()? == LISTEN {
            return None;
        }
        Some(Self(Arc::new(Call {
            id: message.id()?.clone(),
            reference: Reference::of(parts),
            resumes: !is_modern(message, parts),
            is_answered: AtomicBool::new(false),
            has_ids: AtomicBool::new(false),
        })))
    }

    /// Watches what the client is told, and has the last word should the token expire.
    pub(crate) fn attend<B>(self, mut response: Response<B>) -> Response<Watched<B>> {
        if !is_event_stream(response.headers()) {
            return response.map(Watched::by_nobody);
        }
        let words = StreamFarewell::new(Arc::clone(&self.0) as Arc<dyn LastWords>);
        response.extensions_mut().insert(words);
        response.map(|body| Watched::by(self, body))
    }

    fn hear(&self, event: &Event) {
        if event.id().is_some() {
            self.0.has_ids.store(true, Ordering::Relaxed);
        }
        if event
            .data()
            .is_some_and(|data| self.0.is_answered_by(&data))
        {
            self.be_silent();
        }
    }

    /// The answer is out, or may be.
    fn be_silent(&self) {
        self.0.is_answered.store(true, Ordering::Relaxed);
    }
}

fn is_modern(message: &Message, parts: &Parts) -> bool {
    let named = message.protocol_version().and_then(Revision::parse);
    named
        .or_else(|| Revision::of(&parts.headers))
        .is_some_and(Revision::is_modern)
}

/// What tells a response from everything else.
#[derive(Deserialize)]
struct Heard {
    id: Option<Value>,
    method: Option<IgnoredAny>,
}

impl Call {
    fn is_answered_by(&self, data: &[u8]) -> bool {
        let data = data.trim_ascii();
        let heard = data
            .starts_with(b"{")
            .then(|| serde_json::from_slice::<Heard>(data));
        matches!(heard, Some(Ok(Heard { id: Some(id), method: None })) if id == self.id)
    }

    fn error(&self) -> Bytes {
        let data =
            json!({ "reason": Reason::Expired.code(), "reference": self.reference.as_str() });
        let error = json!({ "code": TOKEN_EXPIRED, "message": MESSAGE, "data": data });
        let response = json!({ "jsonrpc": "2.0", "id": self.id, "error": error });
        Event::message(response.to_string().as_bytes()).into_raw()
    }
}

impl LastWords for Call {
    fn last_words(&self) -> Bytes {
        let comes_back = self.resumes && self.has_ids.load(Ordering::Relaxed);
        if comes_back || self.is_answered.load(Ordering::Relaxed) {
            return StreamFarewell::comment();
        }
        self.error()
    }
}
