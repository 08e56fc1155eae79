//! What a request asks for, as far as its answer is concerned.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;

use crate::{Message, Payload, Policy, Revision, lists::ListKind};

/// Whether the answer can bring lists.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    /// It asks for something else, or for a list of which nothing is hidden: the answer passes as it is.
    NoList,
    /// No message: whatever comes in an event stream answers earlier requests (legacy revisions).
    NoMessage,
    /// At least one list.
    Lists(AskedLists),
}

/// Which lists, and what else.
#[derive(Debug, Clone)]
pub(crate) struct AskedLists {
    /// The ids of the lists.
    pub(super) lists: Vec<Value>,
    /// The ids of the other requests in the batch; responses have ids of the server's, which may be the same.
    pub(super) others: Vec<Value>,
    pub(super) is_batch: bool,
    /// Whether the revision demands a `cacheScope` with every list.
    pub(super) has_cache_scope: bool,
}

impl Asked {
    /// What these messages ask for, as far as this policy hides any of it.
    pub(crate) fn by(payload: &Payload, headers: &HeaderMap, policy: &Policy) -> Self {
        let (lists, others): (Vec<_>, Vec<_>) = payload
            .messages()
            .iter()
            .partition(|message| is_hidden(message, policy));
        if lists.is_empty() {
            return Self::NoList;
        }
        Self::Lists(AskedLists {
            has_cache_scope: lists.iter().any(|list| has_cache_scope(list, headers)),
            lists: ids(lists.into_iter()),
            others: ids(others.into_iter().filter(|message| !message.is_response())),
            is_batch: matches!(payload, Payload::Batch(_)),
        })
    }

    /// What a request without a message asks for: any list, if this policy hides anything.
    pub(crate) fn without_message(policy: &Policy) -> Self {
        let hides = ListKind::ALL.iter().any(|kind| policy.hides(kind.items()));
        if hides { Self::NoMessage } else { Self::NoList }
    }

    /// Asks the server for an answer that can be read: not compressed, whole, and not "as you know it".
    pub(crate) fn ask_plainly(&self, headers: &mut HeaderMap) {
        let plainly = match self {
            Self::NoList => false,
            Self::NoMessage => wants_events(headers),
            Self::Lists(_) => true,
        };
        if !plainly {
            return;
        }
        for name in CONDITIONS {
            headers.remove(name);
        }
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
    }
}

/// RFC 9110 §13 and §14, RFC 3229.
const CONDITIONS: [HeaderName; 7] = [
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    HeaderName::from_static("a-im"),
];

fn is_hidden(message: &Message, policy: &Policy) -> bool {
    let kind = message.method().and_then(ListKind::asked_by);
    kind.is_some_and(|kind| policy.hides(kind.items()))
}

fn ids<'a>(messages: impl Iterator<Item = &'a Message>) -> Vec<Value> {
    messages
        .filter_map(|message| message.id().cloned())
        .collect()
}

fn has_cache_scope(list: &Message, headers: &HeaderMap) -> bool {
    let named = list.protocol_version().and_then(Revision::parse);
    named
        .or_else(|| Revision::of(headers))
        .is_some_and(Revision::has_cache_scope)
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .to_ascii_lowercase()
                .contains(super::headers::EVENT_STREAM)
        })
}
