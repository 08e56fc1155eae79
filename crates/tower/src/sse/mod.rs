//! Server-sent events, read as WHATWG HTML defines them (§9.2.6, "Interpreting an event stream").
//!
//! A gate that looks into a stream may not change what it does not mean to. So an [`Event`] keeps the
//! bytes it came in, and [`EventReader`] hands bytes on in their order, as soon as they are complete:
//! joined together, its events are the stream, byte for byte. [`EventEnds`] finds the same ends without
//! keeping anything, for those who only need a clean place to stop.
//!
//! ```
//! use oauthgate_tower::sse::EventReader;
//!
//! let mut reader = EventReader::new(1024);
//! reader.push(b": hello\n\ndata: {\"jsonrpc\":");
//! assert_eq!(reader.next_event().unwrap().unwrap().raw().as_ref(), b": hello\n");
//! assert_eq!(reader.next_event().unwrap().unwrap().raw().as_ref(), b"\n");
//! assert!(reader.next_event().unwrap().is_none());
//! reader.push(b"\"2.0\"}\n\n");
//! let event = reader.next_event().unwrap().unwrap();
//! assert_eq!(event.data().unwrap().as_ref(), b"{\"jsonrpc\":\"2.0\"}");
//! ```

mod ends;
mod event;
mod reader;

pub use ends::EventEnds;
pub use event::{Event, Field};
pub use reader::{EventReader, EventTooLong};

/// U+FEFF in UTF-8: one is skipped where a stream begins.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

#[cfg(test)]
mod tests;
