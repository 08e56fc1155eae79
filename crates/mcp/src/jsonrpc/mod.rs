//! What a JSON-RPC body asks for, read so strictly that no other reader can read it differently.
//!
//! A policy is worth nothing when the gate and the server read different messages. So a body is refused
//! when readers are known to disagree about it: a member twice (first or last wins), a member that
//! differs only in case from one that matters (Go's reader takes it), `__proto__` beside one that matters
//! (it hides members in JavaScript), bytes after the value, text that is not UTF-8, numbers out of range, nesting beyond [`MAX_DEPTH`], a message that is a
//! request and a response at once, an `id` that servers echo differently, a misspelt method.
//!
//! Nothing is kept but the `id`, the method, the names and URIs of what it is done to, and the arguments
//! that somebody [`Wanted`]. Memory stays within a small multiple of the body.

mod arguments;
mod members;
mod message;
mod operation;
mod strict;
mod value;
mod wanted;

use serde_json::{Deserializer, Value};

pub(crate) use arguments::decidable;
pub use arguments::{Argument, Arguments, Scalar};
pub(crate) use members::same_but_for_case;
pub(crate) use message::is_plain_method;
pub use message::{MAX_ID_BYTES, MAX_SUBSCRIPTIONS, Message};
pub use operation::{Object, ObjectKind, Operation};
pub use wanted::Wanted;

/// How deep values may be nested; the message itself is the first level.
pub const MAX_DEPTH: usize = 64;
/// How many messages a batch may hold.
pub const MAX_BATCH: usize = 256;

/// A whole body.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// One message.
    Single(Message),
    /// A batch (revisions up to 2025-03-26; servers may still read it).
    Batch(Vec<Message>),
}

impl Payload {
    /// Reads a body, and of the arguments in it those that are wanted.
    ///
    /// # Errors
    /// When it is not one JSON-RPC message, or a batch of them, that every reader understands alike.
    pub fn read(body: &[u8], wanted: &Wanted) -> Result<Self, Unreadable> {
        let mut reader = Deserializer::from_slice(body);
        let bodies = strict::bodies(&mut reader, wanted)?;
        reader.end()?;
        message::judge(bodies)
    }

    /// The messages, in order.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        match self {
            Self::Single(message) => std::slice::from_ref(message),
            Self::Batch(messages) => messages,
        }
    }

    /// What the messages ask for.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.messages().iter().flat_map(Message::operations)
    }

    /// The `id` to answer to; a batch has none.
    #[must_use]
    pub fn id(&self) -> Option<&Value> {
        match self {
            Self::Single(message) => message.id(),
            Self::Batch(_) => None,
        }
    }
}

/// Why a body cannot be read: where and what, without the body's text beyond a short, escaped name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// No JSON, or JSON that readers understand differently.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but no message of MCP.
    #[error("{flaw}")]
    Invalid {
        /// What is wrong with it.
        flaw: Flaw,
        /// The `id` to answer to, where there is one.
        id: Option<Value>,
    },
}

impl Unreadable {
    fn invalid(flaw: Flaw, id: Option<Value>) -> Self {
        Self::Invalid { flaw, id }
    }
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// A reader of JSON-RPC 1.0 may see another message.
    #[error("`jsonrpc` is not \"2.0\"")]
    Version,
    /// MCP: the request's `id` must be a string or an integer, and not `null`.
    #[error(
        "`id` is neither an integer within \u{b1}(2^53 - 1) nor a string of at most 1024 bytes"
    )]
    Id,
    /// Who collects answers by `id` loses one.
    #[error("two requests of a batch have the same `id`")]
    RepeatedId,
    /// JSON-RPC 2.0 §6.
    #[error("the batch is empty")]
    EmptyBatch,
    /// Some readers look for `method` first, some for `result`.
    #[error("the message is a request and a response at once")]
    RequestAndResponse,
    /// MCP has batches up to revision 2025-03-26 only.
    #[error("this revision has no batches")]
    Batch,
    /// Since 2026-07-28 servers ask clients nothing.
    #[error("this revision has no responses from clients")]
    Response,
    /// Neither `method` nor exactly one of `result` and `error`.
    #[error("the message is neither a request nor a response")]
    Nothing,
    /// Not a string, not visible ASCII, too long, or a method of MCP in other letters.
    #[error("`method` is no plain string, or a misspelt method of MCP")]
    Method,
    /// MCP knows named parameters only.
    #[error("`params` is an array")]
    Params,
    /// A method that acts on something names nothing that it acts on.
    #[error("`params` does not name what the method acts on")]
    Object,
    /// Neither an object nor `null`.
    #[error("`params.arguments` is no object")]
    Arguments,
    /// Not a list of at most [`MAX_SUBSCRIPTIONS`] strings.
    #[error("`resourceSubscriptions` is no list of at most 1024 URIs")]
    Subscriptions,
    /// Not a string.
    #[error("the protocol version in `_meta` is no string")]
    ProtocolVersion,
}

#[cfg(test)]
mod tests;
