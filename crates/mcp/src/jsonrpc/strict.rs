//! The reader: one pass over the text, every level checked, almost nothing kept.

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{MAX_BATCH, MAX_DEPTH, Message, Operation, Payload};

/// The members of a message, and of its `params`, that decide what it does.
const MESSAGE_MEMBERS: &[&str] = &["id", "method", "params"];
const PARAMS_MEMBERS: &[&str] = &["name", "uri"];

/// The member of `params` that names what a method acts on (MCP 2026-07-28, `Mcp-Name`).
pub(super) fn name_member(method: &str) -> Option<&'static str> {
    match method {
        Operation::TOOLS_CALL | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        _ => None,
    }
}

/// A whole body.
pub(super) fn payload<'de, D: Deserializer<'de>>(reader: D) -> Result<Payload, D::Error> {
    reader.deserialize_any(PayloadVisitor)
}

struct PayloadVisitor;

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message or a batch of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Payload, A::Error> {
        MessageSeed.visit_map(members).map(Payload::Single)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Payload, A::Error> {
        let mut messages = Vec::new();
        while let Some(message) = elements.next_element_seed(MessageSeed)? {
            if messages.len() == MAX_BATCH {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_BATCH} messages in a batch"
                )));
            }
            messages.push(message);
        }
        Ok(Payload::Batch(messages))
    }
}

struct MessageSeed;

impl<'de> DeserializeSeed<'de> for MessageSeed {
    type Value = Message;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Message, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed {
    type Value = Message;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Message, A::Error> {
        let mut seen = Members::that_matter(MESSAGE_MEMBERS);
        let (mut id, mut method, mut params) = (None, None, Params::default());
        while let Some(name) = members.next_key::<String>()? {
            seen.note(&name)?;
            match name.as_str() {
                "id" => id = members.next_value_seed(Checked::kept(2))?,
                "method" => method = Some(text(members.next_value_seed(Checked::kept(2))?)?),
                "params" => params = members.next_value_seed(ParamsSeed)?,
                _ => drop(members.next_value_seed(Checked::dropped(2))?),
            }
        }
        Ok(Message {
            id,
            operation: method.map(|method| params.into_operation(method)),
        })
    }
}

fn text<E: Error>(method: Option<Value>) -> Result<String, E> {
    match method {
        Some(Value::String(method)) => Ok(method),
        _ => Err(E::custom("`method` is not a string")),
    }
}

/// What `params` says about the operation's object.
#[derive(Default)]
struct Params {
    name: Option<Value>,
    uri: Option<Value>,
}

impl Params {
    fn into_operation(self, method: String) -> Operation {
        let named = match name_member(&method) {
            Some("name") => self.name,
            Some(_) => self.uri,
            None => None,
        };
        let name = match named {
            Some(Value::String(name)) => Some(name),
            _ => None,
        };
        Operation { method, name }
    }
}

struct ParamsSeed;

impl<'de> DeserializeSeed<'de> for ParamsSeed {
    type Value = Params;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Params, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ParamsSeed {
    type Value = Params;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`params` as an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Params, A::Error> {
        let mut seen = Members::that_matter(PARAMS_MEMBERS);
        let mut params = Params::default();
        while let Some(name) = members.next_key::<String>()? {
            seen.note(&name)?;
            match name.as_str() {
                "name" => params.name = members.next_value_seed(Checked::kept(3))?,
                "uri" => params.uri = members.next_value_seed(Checked::kept(3))?,
                _ => drop(members.next_value_seed(Checked::dropped(3))?),
            }
        }
        Ok(params)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Params, A::Error> {
        while elements.next_element_seed(Checked::dropped(3))?.is_some() {}
        Ok(Params::default())
    }

    /// `"params": null` is no JSON-RPC, and harmless: some clients write it.
    fn visit_unit<E: Error>(self) -> Result<Params, E> {
        Ok(Params::default())
    }
}

/// Any value, checked at every level; a string or a number is handed back where it matters.
#[derive(Clone, Copy)]
struct Checked {
    level: usize,
    keep: bool,
}

impl Checked {
    fn kept(level: usize) -> Self {
        Self { level, keep: true }
    }

    fn dropped(level: usize) -> Self {
        Self { level, keep: false }
    }

    fn keep<E>(self, value: impl Into<Value>) -> Result<Option<Value>, E> {
        Ok(self.keep.then(|| value.into()))
    }

    /// The values inside this one.
    fn inside<E: Error>(self) -> Result<Self, E> {
        if self.level >= MAX_DEPTH {
            return Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(Self::dropped(self.level + 1))
    }
}

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Option<Value>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<Value>, E> {
        if self.keep {
            refuse_nul(text)?;
        }
        Ok(self.keep.then(|| text.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<Value>, E> {
        self.keep(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<Value>, E> {
        self.keep(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<Value>, E> {
        self.keep(number)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Option<Value>, A::Error> {
        let inside = self.inside()?;
        while elements.next_element_seed(inside)?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<Value>, A::Error> {
        let inside = self.inside()?;
        let mut seen = Members::that_matter(&[]);
        while let Some(name) = members.next_key::<String>()? {
            seen.note(&name)?;
            members.next_value_seed(inside)?;
        }
        Ok(None)
    }
}

/// The member names of one object, after unescaping: `"n\u0061me"` is `name`.
struct Members {
    names: HashSet<String>,
    matter: &'static [&'static str],
}

impl Members {
    fn that_matter(matter: &'static [&'static str]) -> Self {
        Self {
            names: HashSet::new(),
            matter,
        }
    }

    fn note<E: Error>(&mut self, name: &str) -> Result<(), E> {
        refuse_nul(name)?;
        if self
            .matter
            .iter()
            .any(|known| *known != name && same_but_for_case(known, name))
        {
            return Err(E::custom(format_args!(
                "the member {:?} differs only in case from one that matters",
                cut(name)
            )));
        }
        if !self.names.insert(name.to_owned()) {
            return Err(E::custom(format_args!(
                "the member {:?} occurs twice",
                cut(name)
            )));
        }
        Ok(())
    }
}

/// Where strings end at a NUL, `delete\0` is `delete`: a reader in C would do what was not decided on.
fn refuse_nul<E: Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') {
        return Err(E::custom(format_args!("{:?} contains a NUL", cut(text))));
    }
    Ok(())
}

/// How readers that ignore case compare: ASCII, and the two letters that fold into it (U+017F, U+212A).
pub(crate) fn same_but_for_case(known: &str, name: &str) -> bool {
    name.chars().map(fold).eq(known.chars().map(fold))
}

fn fold(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

/// Enough of a stranger's text to find it by.
fn cut(name: &str) -> String {
    name.chars().take(32).collect()
}
