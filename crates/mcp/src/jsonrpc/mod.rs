//! What a JSON-RPC body asks for, read so strictly that no other reader can read it differently.
//!
//! A policy is worth nothing when the gate and the server read different messages. So a body is refused
//! when readers are known to disagree about it: a member twice (first or last wins), a member that
//! differs only in case from one that matters (Go's reader takes it), bytes after the value,
//! text that is not UTF-8, numbers out of range, nesting beyond [`MAX_DEPTH`].
//!
//! Nothing but `id`, `method` and the name in `params` is kept, so memory stays within a small
//! multiple of the body.

mod strict;

use serde_json::{Deserializer, Value};

pub(crate) use strict::same_but_for_case;

/// How deep values may be nested; the message itself is the first level.
pub const MAX_DEPTH: usize = 64;
/// How many messages a batch may hold.
pub const MAX_BATCH: usize = 256;

/// What one message asks the server to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The JSON-RPC `method`.
    pub method: String,
    /// What it is done to: `params.name` of `tools/call` and `prompts/get`, `params.uri` of
    /// `resources/read`; absent for other methods, and when the member is missing or not a string.
    pub name: Option<String>,
}

impl Operation {
    /// The method that calls a tool.
    pub const TOOLS_CALL: &'static str = "tools/call";

    /// Whether the method is one that acts on something with a name.
    #[must_use]
    pub fn needs_name(&self) -> bool {
        strict::name_member(&self.method).is_some()
    }
}

/// One message: a request or notification (with an operation), or a response (without).
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    id: Option<Value>,
    operation: Option<Operation>,
}

impl Message {
    /// The request's `id`: a string or a number.
    #[must_use]
    pub fn id(&self) -> Option<&Value> {
        self.id.as_ref()
    }

    /// What it asks for.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        self.operation.as_ref()
    }
}

/// A whole body.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// One message.
    Single(Message),
    /// A batch (revisions up to 2025-03-26; servers may still read it).
    Batch(Vec<Message>),
}

impl Payload {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is not one JSON-RPC message, or a batch of them, that every reader understands alike.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Deserializer::from_slice(body);
        let payload = strict::payload(&mut reader)?;
        reader.end()?;
        Ok(payload)
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
        self.messages().iter().filter_map(Message::operation)
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
#[error("{0}")]
pub struct Unreadable(#[from] serde_json::Error);

#[cfg(test)]
mod tests;
