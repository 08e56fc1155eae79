//! A few members of a JSON object as they are written, or the certainty that nobody reads them otherwise.

use std::{borrow::Cow, fmt, ops::Range};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::jsonrpc::same_but_for_case;

/// Why an answer cannot be shown: what is wrong with it, without its text.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Unreadable {
    what: Cow<'static, str>,
    /// The `id` of the response that is concerned, as written.
    id: Option<String>,
}

impl Unreadable {
    pub(crate) fn new(what: impl Into<Cow<'static, str>>) -> Self {
        let what = what.into();
        Self { what, id: None }
    }

    pub(super) fn answering(self, id: Option<&RawValue>) -> Self {
        let id = id.map(|id| id.get().to_owned());
        Self { id, ..self }
    }

    /// The `id` of the response that is concerned, as written, where it could be read.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// The values of these members of the object that `text` is. Members of other names are not looked into.
pub(crate) fn members<'a, const N: usize>(
    text: &'a str,
    names: &'static [&'static str; N],
) -> Result<[Option<&'a RawValue>; N], Unreadable> {
    begins_with(text, '{')?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader.deserialize_map(Members(names))?;
    reader.end()?;
    Ok(found)
}

/// Calls `each` with the elements of the array that `text` is, up to the first that it refuses.
pub(super) fn elements<'a>(
    text: &'a str,
    mut each: impl FnMut(&'a RawValue) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    begins_with(text, '[')?;
    let mut outcome = Ok(());
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_seq(Elements(|element| {
        if outcome.is_ok() {
            outcome = each(element);
        }
    }))?;
    reader.end()?;
    outcome
}

/// Says what is missing: the reader's own words would quote what is there instead.
fn begins_with(text: &str, bracket: char) -> Result<(), Unreadable> {
    let blank = [' ', '\t', '\n', '\r'];
    if text.trim_start_matches(blank).starts_with(bracket) {
        return Ok(());
    }
    Err(Unreadable::new(match bracket {
        '{' => "there is no object where one must be",
        _ => "there is no array where one must be",
    }))
}

/// Where in `whole` this part of it stands.
pub(super) fn place(whole: &str, part: &RawValue) -> Result<Range<usize>, Unreadable> {
    let part = part.get();
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize);
    start
        .map(|start| start..start + part.len())
        .filter(|range| whole.get(range.clone()).is_some())
        .ok_or_else(|| Unreadable::new("a part of another text"))
}

struct Members<const N: usize>(&'static [&'static str; N]);

impl<'de, const N: usize> Visitor<'de> for Members<N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(known) = members.next_key_seed(Name(self.0))? {
            let value = members.next_value::<&RawValue>()?;
            let Some(slot) = known.and_then(|index| found.get_mut(index)) else {
                continue;
            };
            if slot.replace(value).is_some() {
                return Err(A::Error::custom("a member that matters occurs twice"));
            }
        }
        Ok(found)
    }
}

/// Which of these names a member has.
#[derive(Clone, Copy)]
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Option<usize>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        if let Some(index) = self.0.iter().position(|known| *known == name) {
            return Ok(Some(index));
        }
        // Where objects are copied in JavaScript, absent members may be looked up there.
        if name == "__proto__" {
            return Err(E::custom("a member is named __proto__"));
        }
        // A reader in C ends the name at a NUL; one in Go does not mind the case.
        let read = name.split('\0').next().unwrap_or_default();
        if self.0.iter().any(|known| same_but_for_case(known, read)) {
            return Err(E::custom("a member is named almost like one that matters"));
        }
        Ok(None)
    }
}

struct Elements<F>(F);

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&RawValue>()? {
            (self.0)(element);
        }
        Ok(())
    }
}
