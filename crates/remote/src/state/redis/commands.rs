//! What we ask of Redis, with answers of the type that a Redis gives.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, Value};

use super::{
    link::{Link, NoAnswer},
    script,
    wire::Question,
};

/// Enough for the first line of a snapshot, which holds its seal.
const HEAD: usize = 128;

/// What stands under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Nothing, or the empty text.
    Missing,
    /// Text.
    Text(Vec<u8>),
    /// Something that is no text.
    WrongType,
    /// Text longer than asked for.
    Oversize,
}

/// Whose a key is, once it was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    Ours,
    /// Somebody's who wrote this, and was earlier.
    Held(Entry),
}

impl Entry {
    /// What [`Link::head`] brings once this text was written.
    pub(super) fn head_of(text: &[u8]) -> Self {
        Self::Text(text.get(..HEAD).unwrap_or(text).to_vec())
    }
}

impl Link {
    /// The text under a key, if it is not longer than `most`.
    pub(super) async fn read(self: &Arc<Self>, key: &str, most: usize) -> Result<Entry, NoAnswer> {
        match self.text(key, most + 1).await {
            Ok(text) if text.is_empty() => Ok(Entry::Missing),
            Ok(text) if text.len() > most => Ok(Entry::Oversize),
            Ok(text) => Ok(Entry::Text(text)),
            Err(NoAnswer::WrongType) => Ok(Entry::WrongType),
            Err(NoAnswer::Away) => Err(NoAnswer::Away),
        }
    }

    /// How the text under a key begins: the seal stands there, and tells whether something changed without
    /// reading all of it.
    pub(super) async fn head(self: &Arc<Self>, key: &str) -> Result<Entry, NoAnswer> {
        match self.text(key, HEAD).await {
            Ok(text) if text.is_empty() => Ok(Entry::Missing),
            Ok(text) => Ok(Entry::Text(text)),
            Err(NoAnswer::WrongType) => Ok(Entry::WrongType),
            Err(NoAnswer::Away) => Err(NoAnswer::Away),
        }
    }

    /// Sets a value whatever the key holds.
    pub(super) async fn put(
        self: &Arc<Self>,
        key: &str,
        value: &[u8],
        life: Option<Duration>,
    ) -> Result<(), NoAnswer> {
        let done = |answer| matches!(answer, Value::Okay).then_some(());
        self.ask(key, &short(script::put(key, value, life)), done)
            .await
    }

    /// Sets a value if the key holds `held` (nothing: the empty text). Returns whether it did.
    pub(super) async fn replace(
        self: &Arc<Self>,
        key: &str,
        held: &[u8],
        value: &[u8],
        life: Option<Duration>,
    ) -> Result<bool, NoAnswer> {
        let command = script::replace(key, held, value, life);
        self.ask(key, &short(command), |answer| flag(&answer)).await
    }

    /// Sets a value where there is none, and else returns what is there, up to this length: in one step,
    /// for claims come and go faster than two questions follow each other.
    pub(super) async fn claim(
        self: &Arc<Self>,
        key: &str,
        value: &[u8],
        life: Duration,
        most: usize,
    ) -> Result<Claim, NoAnswer> {
        let question = Question {
            command: script::claim(key, value, life, most + 1),
            longest: most + 1,
        };
        let whose = |answer| match answer {
            Value::Int(1) => Some(Claim::Ours),
            Value::Int(0) => Some(Claim::Held(Entry::WrongType)),
            Value::BulkString(text) if text.len() == most + 1 => Some(Claim::Held(Entry::Oversize)),
            Value::BulkString(text) if (1..=most).contains(&text.len()) => {
                Some(Claim::Held(Entry::Text(text)))
            }
            _ => None,
        };
        self.ask(key, &question, whose).await
    }

    /// Deletes a key that still holds this value.
    pub(super) async fn give_back(
        self: &Arc<Self>,
        key: &str,
        value: &[u8],
    ) -> Result<bool, NoAnswer> {
        self.ask(key, &short(script::give_back(key, value)), |answer| {
            flag(&answer)
        })
        .await
    }

    /// What begins a key, up to this length: no Redis brings more than it was asked for.
    async fn text(self: &Arc<Self>, key: &str, most: usize) -> Result<Vec<u8>, NoAnswer> {
        let question = Question {
            command: script::read(key, most),
            longest: most,
        };
        let text = |answer| match answer {
            Value::BulkString(text) if text.len() <= most => Some(text),
            _ => None,
        };
        self.ask(key, &question, text).await
    }
}

/// A question whose answer is a word or a number.
pub(super) fn short(command: Cmd) -> Question {
    Question {
        command,
        longest: 0,
    }
}

fn flag(answer: &Value) -> Option<bool> {
    match answer {
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        _ => None,
    }
}
