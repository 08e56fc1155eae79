//! Where events end, found without keeping them.

use std::mem;

use super::BYTE_ORDER_MARK;

/// Follows a stream and knows where in it an event has just ended.
///
/// An event ends with its empty line. A comment outside of any event is complete with its own line:
/// keep-alives are not held back until an event follows.
#[derive(Debug, Clone, Default)]
pub struct EventEnds {
    place: Place,
    /// A field came since the last empty line.
    in_event: bool,
    /// A carriage return ended the line; a line feed that follows belongs to it.
    after_carriage_return: bool,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The stream's beginning, so many bytes into a byte order mark.
    Beginning(usize),
    LineStart,
    Comment,
    Field,
}

impl Default for Place {
    fn default() -> Self {
        Self::Beginning(0)
    }
}

impl EventEnds {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Follows these bytes to their end. The answer is how many of them belong to complete events, if an
    /// event ended in them at all: the last place where the stream may be cut.
    pub fn pass(&mut self, bytes: &[u8]) -> Option<usize> {
        let (mut last, mut passed) = (None, 0);
        while let Some(end) = self.first(bytes.get(passed..).unwrap_or_default()) {
            passed += end;
            last = Some(passed);
        }
        last
    }

    /// Whether nothing of an unfinished event, or of an unfinished comment, has passed.
    #[must_use]
    pub fn is_between_events(&self) -> bool {
        !self.in_event && matches!(self.place, Place::LineStart | Place::Beginning(0))
    }

    /// Follows these bytes up to the first end in them, and says how many they were; to their end, if there
    /// is none.
    pub(super) fn first(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            if self.step(byte) {
                return Some(at + self.rest_of_line_end(bytes.get(at)));
            }
            if matches!(self.place, Place::Comment | Place::Field) {
                at += to_line_end(bytes.get(at..).unwrap_or_default());
            }
        }
        None
    }

    /// Whether an event, or a comment of its own, ends with this byte.
    fn step(&mut self, byte: u8) -> bool {
        if mem::take(&mut self.after_carriage_return) && byte == b'\n' {
            return !self.in_event;
        }
        self.after_carriage_return = byte == b'\r';
        match byte {
            b'\r' | b'\n' => self.end_line(),
            _ => {
                self.enter(byte);
                false
            }
        }
    }

    fn end_line(&mut self) -> bool {
        match mem::replace(&mut self.place, Place::LineStart) {
            Place::LineStart | Place::Beginning(0) => self.in_event = false,
            Place::Beginning(_) => self.in_event = true,
            Place::Comment | Place::Field => {}
        }
        !self.in_event
    }

    fn enter(&mut self, byte: u8) {
        self.place = match self.place {
            Place::Beginning(read) if BYTE_ORDER_MARK.get(read) == Some(&byte) => mark(read + 1),
            Place::Beginning(0) | Place::LineStart if byte == b':' => Place::Comment,
            Place::Beginning(_) | Place::LineStart => Place::Field,
            inside => inside,
        };
        self.in_event |= self.place == Place::Field;
    }

    /// The line feed of a pair whose carriage return ended the event.
    fn rest_of_line_end(&mut self, next: Option<&u8>) -> usize {
        let pair = self.after_carriage_return && next == Some(&b'\n');
        self.after_carriage_return &= !pair;
        usize::from(pair)
    }
}

fn mark(read: usize) -> Place {
    if read == BYTE_ORDER_MARK.len() {
        Place::LineStart
    } else {
        Place::Beginning(read)
    }
}

/// How many bytes there are before the line's end.
fn to_line_end(bytes: &[u8]) -> usize {
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    end.unwrap_or(bytes.len())
}
