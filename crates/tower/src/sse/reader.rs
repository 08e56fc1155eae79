//! From chunks of bytes to events.

use bytes::{Bytes, BytesMut};

use super::{Event, EventEnds};

/// Reads a stream as it comes. It holds the bytes that were pushed and not yet taken: of an unfinished
/// event no more than the limit and one chunk.
#[derive(Debug)]
pub struct EventReader {
    ends: EventEnds,
    held: BytesMut,
    /// How many of the held bytes were followed already, without finding an end.
    followed: usize,
    limit: usize,
    first: bool,
}

/// An event has more bytes than the reader may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {limit} bytes")]
pub struct EventTooLong {
    /// How many bytes an event may have.
    pub limit: usize,
}

impl EventReader {
    /// A reader of events of up to so many bytes each.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            ends: EventEnds::new(),
            held: BytesMut::new(),
            followed: 0,
            limit,
            first: true,
        }
    }

    /// The stream's next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next complete event; nothing when more bytes are needed.
    ///
    /// # Errors
    /// When the event is too long. The reader holds on to its bytes and does not recover: where the next event
    /// begins is not known.
    pub fn next_event(&mut self) -> Result<Option<Event>, EventTooLong> {
        let fresh = self.held.get(self.followed..).unwrap_or_default();
        let found = self.ends.first(fresh).map(|end| self.followed + end);
        self.followed = found.unwrap_or(self.held.len());
        if self.followed > self.limit {
            return Err(EventTooLong { limit: self.limit });
        }
        Ok(found.map(|_| self.take()))
    }

    /// What is left where the stream ended: an unfinished event, which clients should ignore.
    pub fn finish(&mut self) -> Option<Event> {
        self.followed = self.held.len();
        (!self.held.is_empty()).then(|| self.take())
    }

    /// Whether no part of an unfinished event is held.
    #[must_use]
    pub fn is_between_events(&self) -> bool {
        self.ends.is_between_events()
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    fn take(&mut self) -> Event {
        let raw: Bytes = self.held.split_to(self.followed).freeze();
        self.followed = 0;
        Event::new(raw, std::mem::take(&mut self.first))
    }
}
