//! The grammar of RFC 8259, as a recursive descent over text that is known to be UTF-8.
//!
//! It is our own because `serde_json`'s reading depends on which of its features some other crate of
//! the build switched on (`arbitrary_precision` turns numbers into objects for every visitor), and a
//! validator must read the same everywhere.

use serde_json::{Map, Number, Value, map::Entry};

use super::{JsonError, MAX_DEPTH};
use crate::text::Printable;

/// A position in a text.
pub(super) struct Reader<'text> {
    text: &'text str,
    at: usize,
    units_left: usize,
}

/// A value costs one unit of memory, about what four bytes of an ordinary document need.
const VALUE: usize = 1;
/// An object with members costs a node of a map beside its values.
const OBJECT: usize = 8;
/// What every document may use, however short it is.
const FREE_UNITS: usize = 512;

type Read<T> = Result<T, JsonError>;

impl<'text> Reader<'text> {
    pub(super) fn new(text: &'text str) -> Self {
        let units_left = FREE_UNITS.saturating_add(text.len() / 4);
        Self {
            text,
            at: 0,
            units_left,
        }
    }

    /// The one value of the text, with nothing behind it.
    pub(super) fn document(mut self) -> Read<Value> {
        let value = self.value(MAX_DEPTH)?;
        self.skip_blanks();
        if self.peek().is_some() {
            return Err(self.malformed("something follows the value"));
        }
        Ok(value)
    }

    fn value(&mut self, levels_left: usize) -> Read<Value> {
        self.spend(VALUE)?;
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => self.object(self.deeper(levels_left)?),
            Some(b'[') => self.array(self.deeper(levels_left)?),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            _ => Err(self.malformed("no value")),
        }
    }

    /// A few bytes of a stranger's text must not become kilobytes of ours: `[{"a":1},{"a":1},…`.
    fn spend(&mut self, units: usize) -> Read<()> {
        let left = self.units_left.checked_sub(units);
        self.units_left = left.ok_or_else(|| self.malformed("too many values for its length"))?;
        Ok(())
    }

    fn deeper(&self, levels_left: usize) -> Read<usize> {
        levels_left
            .checked_sub(1)
            .ok_or_else(|| self.malformed("nested deeper than 32 levels"))
    }

    fn object(&mut self, levels_left: usize) -> Read<Value> {
        let mut members = Map::new();
        self.advance(1);
        self.skip_blanks();
        if self.takes(b'}') {
            return Ok(Value::Object(members));
        }
        self.spend(OBJECT)?;
        loop {
            let (name, value) = self.member(levels_left)?;
            match members.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(value);
                }
                Entry::Occupied(taken) => {
                    let name = Printable(taken.key());
                    return Err(self.malformed(&format!("the member \"{name}\" occurs twice")));
                }
            }
            if !self.another(b'}')? {
                return Ok(Value::Object(members));
            }
        }
    }

    fn member(&mut self, levels_left: usize) -> Read<(String, Value)> {
        self.skip_blanks();
        if self.peek() != Some(b'"') {
            return Err(self.malformed("no member name"));
        }
        let name = self.string()?;
        self.skip_blanks();
        if !self.takes(b':') {
            return Err(self.malformed("no colon"));
        }
        Ok((name, self.value(levels_left)?))
    }

    fn array(&mut self, levels_left: usize) -> Read<Value> {
        let mut elements = Vec::new();
        self.advance(1);
        self.skip_blanks();
        if self.takes(b']') {
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value(levels_left)?);
            if !self.another(b']')? {
                return Ok(Value::Array(elements));
            }
        }
    }

    /// After a member or element: whether a comma promises another one.
    fn another(&mut self, end: u8) -> Read<bool> {
        self.skip_blanks();
        match self.peek() {
            Some(b',') => self.advance(1),
            Some(byte) if byte == end => {
                self.advance(1);
                return Ok(false);
            }
            _ => return Err(self.malformed("no comma and no end")),
        }
        Ok(true)
    }

    fn literal(&mut self, word: &str, value: Value) -> Read<Value> {
        if !self.rest().starts_with(word) {
            return Err(self.malformed("no value"));
        }
        self.advance(word.len());
        Ok(value)
    }

    /// `-? (0 | [1-9] [0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&mut self) -> Read<Number> {
        let start = self.at;
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _sign = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        number(text).ok_or_else(|| self.malformed("a number that does not fit"))
    }

    fn digits(&mut self) -> Read<()> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return Err(self.malformed("no digit"));
        }
        self.advance(count);
        Ok(())
    }

    fn string(&mut self) -> Read<String> {
        self.advance(1);
        let plain = self.plain_characters()?;
        if self.takes(b'"') {
            return Ok(plain.to_owned());
        }
        let mut string = plain.to_owned();
        while !self.takes(b'"') {
            string.push(self.escape()?);
            string.push_str(self.plain_characters()?);
        }
        Ok(string)
    }

    /// Everything up to the next quote or backslash.
    fn plain_characters(&mut self) -> Read<&'text str> {
        let rest = self.rest();
        let special = |byte: u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let length = rest.bytes().position(special).unwrap_or(rest.len());
        self.advance(length);
        match self.peek() {
            Some(b'"' | b'\\') => Ok(rest.get(..length).unwrap_or_default()),
            Some(_) => Err(self.malformed("a control character in a string")),
            None => Err(self.malformed("a string without end")),
        }
    }

    fn escape(&mut self) -> Read<char> {
        self.advance(1);
        let escaped = self.peek();
        self.advance(usize::from(escaped.is_some_and(|byte| byte.is_ascii())));
        match escaped {
            Some(b'"') => Ok('"'),
            Some(b'\\') => Ok('\\'),
            Some(b'/') => Ok('/'),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => self.code_point(),
            _ => Err(self.malformed("an unknown escape")),
        }
    }

    /// One code point out of one or two `\u` escapes. A lone surrogate is no character. C strings end
    /// at U+0000, so an upstream in C would see another identity than we did.
    fn code_point(&mut self) -> Read<char> {
        let unit = self.hexadecimal()?;
        let character = match unit {
            0 => return Err(self.malformed("a string holds U+0000")),
            0xd800..0xdc00 if self.rest().starts_with("\\u") => {
                self.advance(2);
                char::decode_utf16([unit, self.hexadecimal()?])
                    .next()
                    .and_then(Result::ok)
            }
            _ => char::from_u32(u32::from(unit)),
        };
        character.ok_or_else(|| self.malformed("a lone surrogate"))
    }

    fn hexadecimal(&mut self) -> Read<u16> {
        let digits = self
            .rest()
            .get(..4)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.malformed("no four hexadecimal digits"))?;
        self.advance(4);
        Ok(unit)
    }

    fn skip_blanks(&mut self) {
        let blanks = self
            .rest()
            .bytes()
            .take_while(|byte| b" \t\n\r".contains(byte))
            .count();
        self.advance(blanks);
    }

    fn takes(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.advance(usize::from(found));
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'text str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn malformed(&self, problem: &str) -> JsonError {
        JsonError::Malformed(format!("{problem} at byte {}", self.at))
    }
}

/// An integer if it is one and fits into 64 bits, else the nearest fraction, unless that is infinite.
fn number(text: &str) -> Option<Number> {
    let integer = text.parse::<u64>().map(Number::from);
    let integer = integer.or_else(|_| text.parse::<i64>().map(Number::from));
    integer
        .ok()
        .or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
}
