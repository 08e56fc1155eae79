//! One event, as it came and as it reads.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use super::BYTE_ORDER_MARK;

/// An event with the bytes it came in, its empty line included; or comments and empty lines between
/// events, which have no [`Event::data`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    raw: Bytes,
    /// How many of the bytes are a byte order mark.
    mark: usize,
}

/// One line of an event that is neither empty nor a comment.
///
/// Readers ignore fields with other names than `data`, `event`, `id` and `retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// What stands before the first colon, byte for byte: field names have a case.
    pub name: &'a [u8],
    /// What stands behind it, without one leading space.
    pub value: &'a [u8],
}

impl Event {
    /// What an [`super::EventReader`] found; only the stream's first event may begin with a mark.
    pub(super) fn new(raw: Bytes, first: bool) -> Self {
        let mark = if first && raw.starts_with(&BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        Self { raw, mark }
    }

    /// An event of ours that carries one message.
    #[must_use]
    pub fn message(data: &[u8]) -> Self {
        let mut raw = BytesMut::new();
        put_data(&mut raw, data, b"\n");
        raw.put_slice(b"\n");
        Self::new(raw.freeze(), false)
    }

    /// The bytes it came in.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The bytes it came in.
    #[must_use]
    pub fn into_raw(self) -> Bytes {
        self.raw
    }

    /// What it says: the values of its `data` fields, one line each. Nothing when it has none.
    #[must_use]
    pub fn data(&self) -> Option<Cow<'_, [u8]>> {
        let mut values = self.values(b"data");
        let first = values.next()?;
        let Some(second) = values.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut joined = first.to_vec();
        for value in std::iter::once(second).chain(values) {
            joined.push(b'\n');
            joined.extend_from_slice(value);
        }
        Some(Cow::Owned(joined))
    }

    /// Its place in the stream, if it names one; where there are several, the last counts. One with a NUL is ignored.
    #[must_use]
    pub fn id(&self) -> Option<&[u8]> {
        self.values(b"id").filter(|id| !id.contains(&0)).last()
    }

    /// Its type, if it names one; where there are several, the last counts.
    #[must_use]
    pub fn event(&self) -> Option<&[u8]> {
        self.values(b"event").last()
    }

    /// After how many milliseconds the client may come back, if it says so in digits.
    #[must_use]
    pub fn retry(&self) -> Option<u64> {
        let digits = |value: &&[u8]| !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let last = self.values(b"retry").filter(digits).last()?;
        std::str::from_utf8(last).ok()?.parse().ok()
    }

    /// Its fields, in order, known or not.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.lines().filter_map(|line| field(line.content))
    }

    /// The same event with other data: every line that is not data stays byte for byte.
    #[must_use]
    pub fn with_data(&self, data: &[u8]) -> Self {
        let mut raw = BytesMut::new();
        raw.put_slice(self.raw.get(..self.mark).unwrap_or_default());
        let mut written = false;
        for line in self.lines() {
            let is_data = field(line.content).is_some_and(|field| field.name == b"data");
            if !is_data {
                raw.put_slice(line.content);
                raw.put_slice(line.end);
            } else if !written {
                put_data(&mut raw, data, line.end);
                written = true;
            }
        }
        let mark = self.mark;
        Self {
            raw: raw.freeze(),
            mark,
        }
    }

    /// The same event without some of its fields; comments stay.
    #[must_use]
    pub fn retaining(&self, keeps: impl Fn(Field<'_>) -> bool) -> Self {
        let mut raw = BytesMut::new();
        raw.put_slice(self.raw.get(..self.mark).unwrap_or_default());
        for line in self.lines() {
            if field(line.content).is_none_or(&keeps) {
                raw.put_slice(line.content);
                raw.put_slice(line.end);
            }
        }
        let mark = self.mark;
        Self {
            raw: raw.freeze(),
            mark,
        }
    }

    fn values<'a>(&'a self, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.fields()
            .filter(move |field| field.name == name)
            .map(|field| field.value)
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut rest = self.raw.get(self.mark..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (line, behind) = Line::first(rest)?;
            rest = behind;
            Some(line)
        })
    }
}

/// Data, a field for each of its lines; only the last may be without an end, where the stream broke off.
fn put_data(raw: &mut BytesMut, data: &[u8], end: &[u8]) {
    for (index, line) in data.split(|byte| *byte == b'\n').enumerate() {
        if index > 0 {
            raw.put_slice(if end.is_empty() { b"\n" } else { end });
        }
        raw.put_slice(b"data: ");
        raw.put_slice(line);
    }
    raw.put_slice(end);
}

struct Line<'a> {
    content: &'a [u8],
    /// LF, CR or CRLF; nothing where the stream broke off.
    end: &'a [u8],
}

impl<'a> Line<'a> {
    fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        if bytes.is_empty() {
            return None;
        }
        let length = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let (content, behind) = bytes.split_at_checked(length.unwrap_or(bytes.len()))?;
        let end_length = match behind {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        let (end, rest) = behind.split_at_checked(end_length)?;
        Some((Self { content, end }, rest))
    }
}

fn field(line: &[u8]) -> Option<Field<'_>> {
    if line.is_empty() || line.starts_with(b":") {
        return None;
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return Some(Field {
            name: line,
            value: b"",
        });
    };
    let (name, behind) = line.split_at_checked(colon)?;
    let value = behind.get(1..).unwrap_or_default();
    Some(Field {
        name,
        value: value.strip_prefix(b" ").unwrap_or(value),
    })
}
