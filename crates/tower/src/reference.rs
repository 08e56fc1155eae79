//! The name of one refusal, said to the client and written into the log.

use std::{cell::RefCell, fmt, str, sync::Arc};

use http::request::Parts;

/// A name for one request: 128 random bits in 26 characters. The client reads it in the refusal's body,
/// the operator finds the log line by it, and it tells neither anything else.
///
/// One that is already in the request's extensions (an outer layer's request id) is used as it is.
///
/// Every request gets one, and next to none is ever read: so it takes no memory of its own, and a generator is
/// asked for many at once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reference(Name);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    Ours([u8; LETTERS]),
    Given(Arc<str>),
}

/// 128 bits in letters of five.
const LETTERS: usize = 26;
/// Crockford's base 32 in lower case: no `i`, `l`, `o`, `u`, so it survives being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Random numbers of one thread that nobody had yet.
struct Stock {
    bytes: [u8; 64 * SIZE],
    left: usize,
}

/// Bytes of one number.
const SIZE: usize = size_of::<u128>();

thread_local! {
    static STOCK: RefCell<Stock> = const {
        RefCell::new(Stock { bytes: [0; 64 * SIZE], left: 0 })
    };
}

impl Stock {
    /// A number that comes once.
    fn next(&mut self) -> u128 {
        if self.left == 0 {
            // A reference protects nothing, so a generator without entropy may not cost an answer: the
            // log lines then carry the name of number 0.
            let _ = getrandom::fill(&mut self.bytes);
            self.left = self.bytes.len() / SIZE;
        }
        self.left -= 1;
        let number = self.bytes.as_chunks_mut().0.get_mut(self.left);
        number.map_or(0, |number| u128::from_be_bytes(std::mem::take(number)))
    }
}

impl Reference {
    /// A new name.
    #[must_use]
    pub fn random() -> Self {
        Self(Name::Ours(spell(STOCK.with_borrow_mut(Stock::next))))
    }

    /// The name that an outer layer gave this request, or a new one.
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .unwrap_or_else(Self::random)
    }

    /// A name given elsewhere, for example a request id: up to 64 letters, digits, `-`, `_` and `.`, so
    /// that it is harmless in every log.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=64)
            .contains(&text.len())
            .then_some(text)
            .filter(|text| text.bytes().all(harmless))
            .map(|text| Self(Name::Given(text.into())))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Letters of the alphabet are UTF-8.
            Name::Ours(letters) => str::from_utf8(letters).unwrap_or_default(),
            Name::Given(name) => name,
        }
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reference").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The last letter stands for the lowest bits.
fn spell(mut number: u128) -> [u8; LETTERS] {
    let mut letters = [b'0'; LETTERS];
    for place in letters.iter_mut().rev() {
        // Five bits index 32 letters: `get` always finds one.
        if let Some(letter) = ALPHABET.get((number & 31) as usize) {
            *place = *letter;
        }
        number >>= 5;
    }
    letters
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn spells_every_bit_of_the_number() {
        let spelled = |number| Reference(Name::Ours(spell(number))).to_string();
        assert_eq!(spelled(0), "0".repeat(26));
        assert_eq!(spelled(1), format!("{}1", "0".repeat(25)));
        assert_eq!(spelled(u128::MAX), format!("7{}", "z".repeat(25)));
        assert_eq!(spelled(1 << 125), format!("1{}", "0".repeat(25)));
    }

    #[test]
    fn takes_only_a_harmless_name_from_elsewhere() {
        assert_eq!(
            Reference::parse("01JD-x_y.z")
                .as_ref()
                .map(Reference::as_str),
            Some("01JD-x_y.z")
        );
        for text in ["", "a b", "a\nb", "é", "\"", &"x".repeat(65)] {
            assert_eq!(Reference::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn never_repeats() {
        let names = || (0..1_000).map(|_| Reference::random()).collect::<Vec<_>>();
        let elsewhere = std::thread::spawn(names);
        let names: HashSet<_> = names()
            .into_iter()
            .chain(elsewhere.join().unwrap())
            .collect();
        assert_eq!(names.len(), 2_000);
        assert!(names.iter().all(|name| name.as_str().len() == 26));
    }
}
