//! Values inside a message: every level checked, almost nothing kept.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::{
    MAX_DEPTH,
    members::{Members, refuse_nul},
};

/// A value that holds no other.
pub(super) enum Plain<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(&'a str),
}

/// What becomes of one value. Levels are those of the values inside it.
pub(super) trait Reads<'de>: Sized {
    type Output;

    fn plain<E: Error>(self, value: Plain<'_>) -> Result<Self::Output, E>;

    fn object<A: MapAccess<'de>>(self, members: A, level: usize) -> Result<Self::Output, A::Error>;

    fn array<A: SeqAccess<'de>>(self, elements: A, level: usize) -> Result<Self::Output, A::Error>;
}

/// One value at a level of the message.
pub(super) struct Reading<R> {
    pub(super) level: usize,
    pub(super) reads: R,
}

impl<R> Reading<R> {
    /// The values inside this one.
    fn inside<E: Error>(&self) -> Result<usize, E> {
        if self.level >= MAX_DEPTH {
            return Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(self.level + 1)
    }
}

impl<'de, R: Reads<'de>> DeserializeSeed<'de> for Reading<R> {
    type Value = R::Output;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<R::Output, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de, R: Reads<'de>> Visitor<'de> for Reading<R> {
    type Value = R::Output;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another type of value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<R::Output, E> {
        self.reads.plain(Plain::Text(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<R::Output, E> {
        self.reads.plain(Plain::Number(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<R::Output, E> {
        self.reads.plain(Plain::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<R::Output, E> {
        let number = Number::from_f64(number).ok_or_else(|| E::custom("not a finite number"))?;
        self.reads.plain(Plain::Number(number))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<R::Output, E> {
        self.reads.plain(Plain::Bool(value))
    }

    fn visit_unit<E: Error>(self) -> Result<R::Output, E> {
        self.reads.plain(Plain::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<R::Output, A::Error> {
        let level = self.inside()?;
        self.reads.array(elements, level)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<R::Output, A::Error> {
        let level = self.inside()?;
        self.reads.object(members, level)
    }
}

/// Checks a value and keeps nothing of it.
#[derive(Clone, Copy)]
pub(super) struct Dropped;

impl Dropped {
    pub(super) fn at(level: usize) -> Reading<Self> {
        Reading { level, reads: Self }
    }
}

impl<'de> Reads<'de> for Dropped {
    type Output = ();

    fn plain<E: Error>(self, _: Plain<'_>) -> Result<(), E> {
        Ok(())
    }

    fn object<A: MapAccess<'de>>(self, mut members: A, level: usize) -> Result<(), A::Error> {
        let mut seen = Members::of_no_interest();
        while members.next_key_seed(&mut seen)?.is_some() {
            members.next_value_seed(Self::at(level))?;
        }
        Ok(())
    }

    fn array<A: SeqAccess<'de>>(self, mut elements: A, level: usize) -> Result<(), A::Error> {
        while elements.next_element_seed(Self::at(level))?.is_some() {}
        Ok(())
    }
}

/// What stands in a place of interest.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Slot {
    #[default]
    Absent,
    Null,
    Bool,
    Number(Number),
    Text(String),
    /// An object or an array.
    Container,
}

/// Keeps a value if it is a string or a number.
#[derive(Clone, Copy)]
pub(super) struct Kept;

impl Kept {
    pub(super) fn at(level: usize) -> Reading<Self> {
        Reading { level, reads: Self }
    }
}

impl<'de> Reads<'de> for Kept {
    type Output = Slot;

    fn plain<E: Error>(self, value: Plain<'_>) -> Result<Slot, E> {
        Ok(match value {
            Plain::Null => Slot::Null,
            Plain::Bool(_) => Slot::Bool,
            Plain::Number(number) => Slot::Number(number),
            Plain::Text(text) => {
                refuse_nul(text)?;
                Slot::Text(text.to_owned())
            }
        })
    }

    fn object<A: MapAccess<'de>>(self, members: A, level: usize) -> Result<Slot, A::Error> {
        Dropped.object(members, level)?;
        Ok(Slot::Container)
    }

    fn array<A: SeqAccess<'de>>(self, elements: A, level: usize) -> Result<Slot, A::Error> {
        Dropped.array(elements, level)?;
        Ok(Slot::Container)
    }
}

/// The plain values of some members of an object; all absent where there is no object.
#[derive(Clone, Copy)]
pub(super) struct MembersOf<const N: usize>(pub(super) [&'static str; N]);

impl<const N: usize> MembersOf<N> {
    pub(super) fn at(self, level: usize) -> Reading<Self> {
        Reading { level, reads: self }
    }
}

impl<'de, const N: usize> Reads<'de> for MembersOf<N> {
    type Output = [Slot; N];

    fn plain<E: Error>(self, _: Plain<'_>) -> Result<[Slot; N], E> {
        Ok([const { Slot::Absent }; N])
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut members: A,
        level: usize,
    ) -> Result<[Slot; N], A::Error> {
        let mut slots = [const { Slot::Absent }; N];
        let mut seen = Members::knowing(self.0);
        while let Some(member) = members.next_key_seed(&mut seen)? {
            let slot = self
                .0
                .iter()
                .zip(&mut slots)
                .find(|(known, _)| member.is == Some(**known));
            match slot {
                Some((_, slot)) => *slot = members.next_value_seed(Kept::at(level))?,
                None => members.next_value_seed(Dropped::at(level))?,
            }
        }
        Ok(slots)
    }

    fn array<A: SeqAccess<'de>>(self, elements: A, level: usize) -> Result<[Slot; N], A::Error> {
        Dropped.array(elements, level)?;
        Ok([const { Slot::Absent }; N])
    }
}
