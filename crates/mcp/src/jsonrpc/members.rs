//! The member names of one object: none twice, none that a careless reader takes for another.

use std::{
    collections::HashSet,
    fmt,
    hash::{BuildHasher, RandomState},
};

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

/// Copied member by member, it becomes the object that all absent members are looked up in (JavaScript).
const INHERITED: &str = "__proto__";

/// The names seen so far, after unescaping: `"n\u0061me"` is `name`. Only keyed hashes are kept, eight
/// bytes a member, so that an object of many short members costs little; two names of one hash would be
/// refused, which errs on the safe side.
pub(super) struct Members<'k> {
    seen: HashSet<u64>,
    hasher: RandomState,
    known: Vec<&'k str>,
    refuses_lookalikes: bool,
}

/// What one member is to its reader.
#[derive(Debug, Default)]
pub(super) struct Noted<'k> {
    /// The known name that it has.
    pub(super) is: Option<&'k str>,
    /// The known names that a careless reader takes it for.
    pub(super) looks_like: Vec<&'k str>,
}

impl<'k> Members<'k> {
    /// For an object none of whose members is of interest.
    pub(super) fn of_no_interest() -> Self {
        Self::knowing([])
    }

    /// For an object of which we read these members, and refuse others that look like them.
    pub(super) fn knowing(known: impl IntoIterator<Item = &'k str>) -> Self {
        Self {
            seen: HashSet::new(),
            hasher: RandomState::new(),
            known: known.into_iter().collect(),
            refuses_lookalikes: true,
        }
    }

    /// The same, but others that look like them are only noted.
    pub(super) fn noting_lookalikes(self) -> Self {
        Self {
            refuses_lookalikes: false,
            ..self
        }
    }

    fn note<E: Error>(&mut self, name: &str) -> Result<Noted<'k>, E> {
        refuse_nul(name)?;
        if !self.seen.insert(self.hasher.hash_one(name)) {
            return Err(E::custom(format_args!(
                "the member {:?} occurs twice",
                cut(name)
            )));
        }
        let noted = self.compare(name);
        match noted.looks_like.first() {
            Some(known) if self.refuses_lookalikes => Err(E::custom(format_args!(
                "the member {:?} may be taken for {known:?}",
                cut(name)
            ))),
            _ => Ok(noted),
        }
    }

    fn compare(&self, name: &str) -> Noted<'k> {
        let mut noted = Noted::default();
        for known in self.known.iter().copied() {
            if known == name {
                noted.is = Some(known);
            } else if name == INHERITED || same_but_for_case(known, name) {
                noted.looks_like.push(known);
            }
        }
        noted
    }
}

/// Reads one member's name.
impl<'de, 'k> DeserializeSeed<'de> for &mut Members<'k> {
    type Value = Noted<'k>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Noted<'k>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'k> Visitor<'_> for &mut Members<'k> {
    type Value = Noted<'k>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Noted<'k>, E> {
        self.note(name)
    }
}

/// Where strings end at a NUL, `delete\0` is `delete`: a reader in C would do what was not decided on.
pub(super) fn refuse_nul<E: Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') {
        return Err(E::custom(format_args!("{:?} contains a NUL", cut(text))));
    }
    Ok(())
}

/// Whether a reader that ignores case takes one for the other; the long s and the Kelvin sign fold into
/// ASCII letters, and the dotted I does where readers compare letter by letter (Java).
pub(crate) fn same_but_for_case(known: &str, name: &str) -> bool {
    if known.is_ascii() && name.is_ascii() {
        return known.eq_ignore_ascii_case(name);
    }
    folded(known).eq(folded(name))
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .filter(|letter| *letter != '\u{307}')
}

/// Enough of a stranger's text to find it by.
fn cut(name: &str) -> String {
    name.chars().take(32).collect()
}
