//! Events as lines of JSON: one object a line, an event's fields at its top level.
//!
//! Written straight into a buffer that a thread keeps, because every request has a line. It is the shape that
//! `tracing_subscriber::fmt().json()` gives a flat event, to the byte; a test compares the two.

use std::{
    cell::RefCell,
    error::Error,
    fmt::{self, Write as _},
    io::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::MakeWriter,
    layer::{Context, Layer},
};

use super::{
    digits::{digits, padded},
    timestamp,
};

/// Writes every event that comes by as a line, and each line at once.
pub(super) struct JsonLines<W>(pub(super) W);

/// A line of ordinary length.
const LINE: usize = 1024;

/// A longer buffer is not kept.
const LONGEST_KEPT: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(LINE));
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        BUFFER.with(|buffer| match buffer.try_borrow_mut() {
            Ok(mut buffer) => self.write(event, &mut buffer),
            // A value that is shown logs something itself.
            Err(_) => self.write(event, &mut Vec::with_capacity(LINE)),
        });
    }
}

impl<W> JsonLines<W>
where
    W: for<'w> MakeWriter<'w>,
{
    fn write(&self, event: &Event<'_>, line: &mut Vec<u8>) {
        append(line, event, since_1970());
        // Nobody is left to be told.
        let _ = self
            .0
            .make_writer_for(event.metadata())
            .write_all(line.as_slice());
        line.clear();
        line.shrink_to(LONGEST_KEPT);
    }
}

/// The time of day; a clock that stands before 1970 reads as 1970.
fn since_1970() -> Duration {
    #[expect(
        clippy::disallowed_methods,
        reason = "when a line was written is no decision, and no test sets it"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn append(line: &mut Vec<u8>, event: &Event<'_>, now: Duration) {
    let about = event.metadata();
    line.extend_from_slice(b"{\"timestamp\":\"");
    timestamp::append(line, now);
    line.extend_from_slice(b"\",\"level\":\"");
    line.extend_from_slice(about.level().as_str().as_bytes());
    line.push(b'"');
    event.record(&mut Fields(line));
    line.extend_from_slice(b",\"target\":");
    quoted(line, about.target());
    line.extend_from_slice(b"}\n");
}

/// Appends each field as a member.
struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        self.0.push(b',');
        quoted(self.0, field.name());
        self.0.push(b':');
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        // A vector takes everything.
        let _ = write!(self.0, "{value}");
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        quoted(self.0, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field);
        digits(self.0, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.name(field);
        float(self.0, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field);
        shown(self.0, format_args!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.name(field);
        shown(self.0, format_args!("{value}"));
    }
}

/// A string.
fn quoted(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    escape(line, text);
    line.push(b'"');
}

/// What a value says of itself, as a string.
fn shown(line: &mut Vec<u8>, value: fmt::Arguments<'_>) {
    line.push(b'"');
    // A value that fails to say more has said what it could.
    let _ = Escaping(line).write_fmt(value);
    line.push(b'"');
}

struct Escaping<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

/// RFC 8259 §7: quotes, backslashes and control characters are escaped; the short forms where there are any.
fn escape(line: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    if !is_plain(rest) {
        while let Some(position) = rest.iter().position(|byte| needs_escape(*byte)) {
            let (plain, special) = rest.split_at(position);
            line.extend_from_slice(plain);
            if let [byte, behind @ ..] = special {
                escape_one(line, *byte);
                rest = behind;
            }
        }
    }
    line.extend_from_slice(rest);
}

/// Whether nothing needs an escape, as with nearly every text: eight bytes are looked at in one go.
fn is_plain(text: &[u8]) -> bool {
    let (eights, rest) = text.as_chunks::<8>();
    let mut eights = eights.iter().map(|eight| u64::from_le_bytes(*eight));
    eights.all(|eight| !one_needs_escape(eight)) && !rest.iter().any(|byte| needs_escape(*byte))
}

/// Whether one of eight bytes needs an escape. A byte that is less than a bound borrows when that is taken off, which
/// shows in its highest bit unless that was set before; no byte is falsely accused but above one that is guilty.
fn one_needs_escape(eight: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    let less = |bytes: u64, bound: u8| bytes.wrapping_sub(ONES * u64::from(bound)) & !bytes;
    let is = |byte: u8| less(eight ^ (ONES * u64::from(byte)), 1);
    (less(eight, b' ') | is(b'"') | is(b'\\')) & HIGHEST != 0
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn escape_one(line: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let _ = write!(line, "\\u{byte:04x}");
            return;
        }
    };
    line.extend_from_slice(&[b'\\', short]);
}

/// The shortest number that reads back as this one; none for what is no number.
fn float(line: &mut Vec<u8>, value: f64) {
    match thousandths(value) {
        Some(thousandths) => fixed(line, thousandths),
        None => {
            let _ = serde_json::to_writer(line, &value);
        }
    }
}

/// How many thousandths a number is, if it is a whole number of them and has no more than the fifteen digits that
/// a float tells apart: then its decimal digits are the shortest number too.
fn thousandths(value: f64) -> Option<u64> {
    const MOST: f64 = 1e15;
    let scaled = (value * 1e3).round();
    if !(scaled > 0.0 && scaled < MOST) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and within the bounds"
    )]
    let whole = scaled as u64;
    (scaled / 1e3 == value).then_some(whole)
}

/// Thousandths as a decimal fraction, without zeros that say nothing.
fn fixed(line: &mut Vec<u8>, thousandths: u64) {
    let (whole, fraction) = (thousandths / 1000, thousandths % 1000);
    digits(line, whole);
    line.push(b'.');
    let end = line.len() + 3;
    padded::<3>(line, fraction);
    let zeros = line.iter().rev().take_while(|byte| **byte == b'0').count();
    line.truncate(end - zeros.min(2));
}

#[cfg(test)]
mod tests;
