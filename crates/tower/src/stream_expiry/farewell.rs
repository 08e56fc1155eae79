//! What a client is told when its stream ends.

use std::{fmt, sync::Arc};

use bytes::Bytes;

/// In the extensions of a response that is a stream of events: its last words, should its token expire.
///
/// Without one they are a comment, which every reader of events passes over.
#[derive(Clone)]
pub struct StreamFarewell(Arc<dyn LastWords>);

/// What is said last on a stream whose token expired, between two events.
pub trait LastWords: Send + Sync + 'static {
    /// Whole events or comments, each with the empty line that ends it; asked for once, at the end.
    fn last_words(&self) -> Bytes;
}

impl StreamFarewell {
    /// Says these.
    pub fn new(words: Arc<dyn LastWords>) -> Self {
        Self(words)
    }

    /// What everybody may be told.
    #[must_use]
    pub fn comment() -> Bytes {
        Bytes::from_static(
            b": the access token that opened this stream has expired; connect again with a new one\n\n",
        )
    }

    pub(super) fn last_words(&self) -> Bytes {
        self.0.last_words()
    }
}

impl fmt::Debug for StreamFarewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamFarewell").finish_non_exhaustive()
    }
}
