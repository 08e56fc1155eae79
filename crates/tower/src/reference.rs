//! The name of one refusal, said to the client and written into the log.

use std::fmt;

use http::request::Parts;

/// A name for one request: 128 random bits in 26 characters. The client reads it in the refusal's body,
/// the operator finds the log line by it, and it tells neither anything else.
///
/// One that is already in the request's extensions (an outer layer's request id) is used as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference(String);

/// Crockford's base 32 in lower case: no `i`, `l`, `o`, `u`, so it survives being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Reference {
    /// A new name.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        // A reference protects nothing, so a generator without entropy may not cost an answer: the
        // log line then carries the name of number 0.
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        Self(spell(u128::from_be_bytes(bytes)))
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
            .map(|text| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn spell(number: u128) -> String {
    (0..26)
        .rev()
        .map(|position| letter(number >> (5 * position)))
        .collect()
}

fn letter(number: u128) -> char {
    // Five bits index 32 letters: `get` always finds one.
    ALPHABET
        .get((number & 31) as usize)
        .copied()
        .map_or('0', char::from)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn spells_every_bit_of_the_number() {
        assert_eq!(spell(0), "0".repeat(26));
        assert_eq!(spell(1), format!("{}1", "0".repeat(25)));
        assert_eq!(spell(u128::MAX), format!("7{}", "z".repeat(25)));
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
        let names: HashSet<_> = (0..1_000).map(|_| Reference::random()).collect();
        assert_eq!(names.len(), 1_000);
        assert!(names.iter().all(|name| name.as_str().len() == 26));
    }
}
