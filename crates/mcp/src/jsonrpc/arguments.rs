//! The arguments of a call, as far as somebody wants to know them.

use std::sync::Arc;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess};
use serde_json::{Number, Value};

use super::{
    Flaw, Unreadable,
    members::{Members, refuse_nul},
    value::{Dropped, Plain, Reading, Reads},
    wanted::{Node, Wanted},
};

/// A value that is neither an object nor an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that every reader understands alike: within ±(2⁵³ − 1), and of at most 15 digits where
    /// it is no integer.
    Number(Number),
    /// A string.
    String(String),
}

/// What stands at one pointer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Argument<'a> {
    /// This value.
    Scalar(&'a Scalar),
    /// Something that cannot be compared: an object, an array, a number that readers understand
    /// differently; or a scalar where the way to the pointer leads on, which some servers take for JSON
    /// in a string; or what another member may be taken for, which differs in case only or is `__proto__`.
    OtherType,
    /// Nothing.
    Absent,
    /// Nobody has read the arguments.
    Unknown,
}

/// The wanted arguments of one call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arguments {
    found: Vec<(Arc<str>, Found)>,
    /// Whether there may be more than was found.
    incomplete: bool,
}

/// What was found at a pointer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    Scalar(Scalar),
    OtherType,
}

impl Arguments {
    /// Those of an item in a list, which nobody has called yet, and those of a call that nobody read: they may
    /// be anything.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            found: Vec::new(),
            incomplete: true,
        }
    }

    /// This stands at this pointer.
    pub(crate) fn know(&mut self, pointer: &str, scalar: Scalar) {
        self.found.push((pointer.into(), Found::Scalar(scalar)));
    }

    /// Those of a call with these `arguments`, as far as they are wanted; read as strictly as a message.
    ///
    /// ```
    /// use oauthgate_mcp::{Argument, Arguments, Scalar, Wanted};
    ///
    /// let wanted = Wanted::at(["/path"])?;
    /// let arguments = Arguments::read(&serde_json::json!({ "path": "/tmp", "mode": 7 }), &wanted)?;
    /// assert_eq!(arguments.at("/path"), Argument::Scalar(&Scalar::String("/tmp".to_owned())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When they are neither an object nor `null`, or no two servers would read them alike.
    pub fn read(arguments: &Value, wanted: &Wanted) -> Result<Self, Unreadable> {
        let read = ReadsArguments::at(ARGUMENTS_LEVEL, wanted).deserialize(arguments)?;
        read.ok_or_else(|| Unreadable::invalid(Flaw::Arguments, None))
    }

    /// What stands at this pointer; [`Argument::Absent`] too for a pointer that was not wanted.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Argument<'_> {
        match self.found.iter().find(|(found, _)| **found == *pointer) {
            Some((_, Found::Scalar(scalar))) => Argument::Scalar(scalar),
            Some((_, Found::OtherType)) => Argument::OtherType,
            None if self.incomplete => Argument::Unknown,
            None => Argument::Absent,
        }
    }
}

/// The message and its `params` are around them.
const ARGUMENTS_LEVEL: usize = 3;
/// The largest integer up to which all integers are told apart by readers that keep numbers as doubles.
const LARGEST: f64 = 9_007_199_254_740_991.0;
/// How many decimal digits every double keeps.
const DIGITS: usize = 15;

/// Whether every reader understands this number alike.
pub(crate) fn decidable(number: &Number) -> bool {
    number.as_f64().is_some_and(|value| {
        value.abs() <= LARGEST && (value.fract() == 0.0 || digits(value) <= DIGITS)
    })
}

fn digits(value: f64) -> usize {
    let text = format!("{value:e}");
    let mantissa = text.split('e').next().unwrap_or_default();
    mantissa.bytes().filter(u8::is_ascii_digit).count()
}

/// Reads `params.arguments`; `None` when it is neither an object nor `null`.
pub(super) struct ReadsArguments<'w> {
    wanted: &'w Wanted,
}

impl<'w> ReadsArguments<'w> {
    pub(super) fn at(level: usize, wanted: &'w Wanted) -> Reading<Self> {
        let reads = Self { wanted };
        Reading { level, reads }
    }
}

impl<'de> Reads<'de> for ReadsArguments<'_> {
    type Output = Option<Arguments>;

    fn plain<E: Error>(self, value: Plain<'_>) -> Result<Self::Output, E> {
        Ok(matches!(value, Plain::Null).then(Arguments::default))
    }

    fn object<A: MapAccess<'de>>(self, members: A, level: usize) -> Result<Self::Output, A::Error> {
        let mut arguments = Arguments::default();
        let root = AtNode {
            node: self.wanted.root(),
            found: &mut arguments.found,
        };
        root.object(members, level)?;
        Ok(Some(arguments))
    }

    fn array<A: SeqAccess<'de>>(self, elements: A, level: usize) -> Result<Self::Output, A::Error> {
        Dropped.array(elements, level)?;
        Ok(None)
    }
}

/// The value at one step of the wanted pointers.
struct AtNode<'w, 'f> {
    node: &'w Node,
    found: &'f mut Vec<(Arc<str>, Found)>,
}

impl AtNode<'_, '_> {
    /// A pointer may end at this value; none leads on from it.
    fn keep(mut self, scalar: Scalar) {
        let found = match scalar {
            Scalar::Number(number) if !decidable(&number) => Found::OtherType,
            scalar => Found::Scalar(scalar),
        };
        self.note(found);
        for child in self.node.children.values() {
            undecidable(child, self.found);
        }
    }

    fn note(&mut self, found: Found) {
        if let Some(pointer) = &self.node.pointer {
            note(self.found, pointer, found);
        }
    }

    fn child<'c>(&'c mut self, node: &'c Node, level: usize) -> Reading<AtNode<'c, 'c>> {
        let reads = AtNode {
            node,
            found: self.found,
        };
        Reading { level, reads }
    }
}

/// What is found a second time, under a name that looks like the first, is undecidable.
fn note(all: &mut Vec<(Arc<str>, Found)>, pointer: &Arc<str>, found: Found) {
    match all.iter_mut().find(|(known, _)| known == pointer) {
        Some((_, before)) => *before = Found::OtherType,
        None => all.push((Arc::clone(pointer), found)),
    }
}

/// Nobody knows what a server finds at this step and below.
fn undecidable(node: &Node, found: &mut Vec<(Arc<str>, Found)>) {
    if let Some(pointer) = &node.pointer {
        note(found, pointer, Found::OtherType);
    }
    for child in node.children.values() {
        undecidable(child, found);
    }
}

/// How an element of an array is named in a pointer.
fn is_index(segment: &str) -> bool {
    segment == "0"
        || (!segment.starts_with('0')
            && !segment.is_empty()
            && segment.bytes().all(|digit| digit.is_ascii_digit()))
}

impl<'de> Reads<'de> for AtNode<'_, '_> {
    type Output = ();

    fn plain<E: Error>(mut self, value: Plain<'_>) -> Result<(), E> {
        match value {
            // Nothing is below a `null`.
            Plain::Null => self.note(Found::Scalar(Scalar::Null)),
            Plain::Bool(value) => self.keep(Scalar::Bool(value)),
            Plain::Number(number) => self.keep(Scalar::Number(number)),
            Plain::Text(text) => {
                refuse_nul(text)?;
                self.keep(Scalar::String(text.to_owned()));
            }
        }
        Ok(())
    }

    fn object<A: MapAccess<'de>>(mut self, mut members: A, level: usize) -> Result<(), A::Error> {
        self.note(Found::OtherType);
        let node = self.node;
        let known = node.children.keys().map(String::as_str);
        let mut seen = Members::knowing(known).noting_lookalikes();
        while let Some(member) = members.next_key_seed(&mut seen)? {
            for child in member
                .looks_like
                .iter()
                .filter_map(|name| node.children.get(*name))
            {
                undecidable(child, self.found);
            }
            match member.is.and_then(|name| node.children.get(name)) {
                Some(child) => members.next_value_seed(self.child(child, level))?,
                None => members.next_value_seed(Dropped::at(level))?,
            }
        }
        Ok(())
    }

    fn array<A: SeqAccess<'de>>(mut self, mut elements: A, level: usize) -> Result<(), A::Error> {
        self.note(Found::OtherType);
        let node = self.node;
        if node.children.is_empty() {
            return Dropped.array(elements, level);
        }
        for (_, child) in node.children.iter().filter(|(name, _)| !is_index(name)) {
            undecidable(child, self.found);
        }
        for index in 0_usize.. {
            let more = match node.children.get(index.to_string().as_str()) {
                Some(child) => elements.next_element_seed(self.child(child, level))?,
                None => elements.next_element_seed(Dropped::at(level))?,
            };
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }
}
