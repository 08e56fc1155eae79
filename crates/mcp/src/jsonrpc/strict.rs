//! The reader: one pass over the text, every level checked, almost nothing kept.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess};

use super::{
    MAX_BATCH, Wanted,
    arguments::ReadsArguments,
    members::Members,
    message::{
        Bodies, MAX_SUBSCRIPTIONS, Params, ReadArguments, ReadMessage, Reference, Subscriptions,
    },
    value::{Dropped, Kept, MembersOf, Plain, Reading, Reads, Slot},
};

/// The members that decide what a message does.
const MESSAGE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
const PARAMS: [&str; 6] = ["name", "uri", "arguments", "ref", "notifications", "_meta"];
const REFERENCE: [&str; 3] = ["type", "name", "uri"];
const NOTIFICATIONS: [&str; 1] = ["resourceSubscriptions"];
const META: [&str; 1] = ["io.modelcontextprotocol/protocolVersion"];

/// A whole body.
pub(super) fn bodies<'de, D: Deserializer<'de>>(
    reader: D,
    wanted: &Wanted,
) -> Result<Bodies, D::Error> {
    let reads = ReadsBody { wanted };
    Reading { level: 1, reads }.deserialize(reader)
}

struct ReadsBody<'w> {
    wanted: &'w Wanted,
}

impl<'w> ReadsBody<'w> {
    fn message(&self) -> ReadsMessage<'w> {
        ReadsMessage {
            wanted: self.wanted,
        }
    }
}

impl<'de> Reads<'de> for ReadsBody<'_> {
    type Output = Bodies;

    fn plain<E: Error>(self, _: Plain<'_>) -> Result<Bodies, E> {
        Err(E::custom("neither a message nor a batch of them"))
    }

    fn object<A: MapAccess<'de>>(self, members: A, level: usize) -> Result<Bodies, A::Error> {
        let message = self.message().object(members, level)?;
        Ok(Bodies::Single(Box::new(message)))
    }

    fn array<A: SeqAccess<'de>>(self, mut elements: A, _: usize) -> Result<Bodies, A::Error> {
        let mut messages = Vec::new();
        let mut watched = 0;
        let next = || Reading {
            level: 1,
            reads: self.message(),
        };
        while let Some(message) = elements.next_element_seed(next())? {
            if messages.len() == MAX_BATCH {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_BATCH} messages in a batch"
                )));
            }
            watched += message.params.subscriptions.len();
            if watched > MAX_SUBSCRIPTIONS {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_SUBSCRIPTIONS} watched resources in a batch"
                )));
            }
            messages.push(message);
        }
        Ok(Bodies::Batch(messages))
    }
}

struct ReadsMessage<'w> {
    wanted: &'w Wanted,
}

impl<'de> Reads<'de> for ReadsMessage<'_> {
    type Output = ReadMessage;

    fn plain<E: Error>(self, _: Plain<'_>) -> Result<ReadMessage, E> {
        Err(E::custom("not a message"))
    }

    fn array<A: SeqAccess<'de>>(self, _: A, _: usize) -> Result<ReadMessage, A::Error> {
        Err(A::Error::custom("a batch in a batch"))
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut members: A,
        level: usize,
    ) -> Result<ReadMessage, A::Error> {
        let mut seen = Members::knowing(MESSAGE);
        let mut read = ReadMessage::default();
        while let Some(member) = members.next_key_seed(&mut seen)? {
            match member.is {
                Some("jsonrpc") => read.jsonrpc = members.next_value_seed(Kept::at(level))?,
                Some("id") => read.id = members.next_value_seed(Kept::at(level))?,
                Some("method") => read.method = members.next_value_seed(Kept::at(level))?,
                Some("params") => {
                    let wanted = self.wanted;
                    let reads = ReadsParams { wanted };
                    read.params = members.next_value_seed(Reading { level, reads })?;
                }
                other => {
                    members.next_value_seed(Dropped::at(level))?;
                    read.has_result |= other == Some("result");
                    read.has_error |= other == Some("error");
                }
            }
        }
        Ok(read)
    }
}

struct ReadsParams<'w> {
    wanted: &'w Wanted,
}

impl<'de> Reads<'de> for ReadsParams<'_> {
    type Output = Params;

    /// `"params": null` is no JSON-RPC, and harmless: some clients write it.
    fn plain<E: Error>(self, value: Plain<'_>) -> Result<Params, E> {
        match value {
            Plain::Null => Ok(Params::default()),
            _ => Err(E::custom("`params` is no object")),
        }
    }

    fn array<A: SeqAccess<'de>>(self, elements: A, level: usize) -> Result<Params, A::Error> {
        Dropped.array(elements, level)?;
        Ok(Params {
            is_array: true,
            ..Params::default()
        })
    }

    fn object<A: MapAccess<'de>>(self, mut members: A, level: usize) -> Result<Params, A::Error> {
        let mut seen = Members::knowing(PARAMS);
        let mut params = Params::default();
        while let Some(member) = members.next_key_seed(&mut seen)? {
            match member.is {
                Some("name") => params.name = members.next_value_seed(Kept::at(level))?,
                Some("uri") => params.uri = members.next_value_seed(Kept::at(level))?,
                Some("arguments") => {
                    let arguments = ReadsArguments::at(level, self.wanted);
                    params.arguments = ReadArguments(members.next_value_seed(arguments)?);
                }
                Some("ref") => {
                    let [kind, name, uri] =
                        members.next_value_seed(MembersOf(REFERENCE).at(level))?;
                    params.reference = Reference { kind, name, uri };
                }
                Some("notifications") => {
                    params.subscriptions =
                        members.next_value_seed(ReadsNotifications::at(level))?;
                }
                Some("_meta") => {
                    let [version] = members.next_value_seed(MembersOf(META).at(level))?;
                    params.protocol_version = version;
                }
                _ => members.next_value_seed(Dropped::at(level))?,
            }
        }
        Ok(params)
    }
}

/// `params.notifications`.
struct ReadsNotifications;

impl ReadsNotifications {
    fn at(level: usize) -> Reading<Self> {
        Reading { level, reads: Self }
    }
}

impl<'de> Reads<'de> for ReadsNotifications {
    type Output = Subscriptions;

    fn plain<E: Error>(self, value: Plain<'_>) -> Result<Subscriptions, E> {
        Ok(match value {
            Plain::Null => Subscriptions::default(),
            _ => Subscriptions::Other,
        })
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut members: A,
        level: usize,
    ) -> Result<Subscriptions, A::Error> {
        let mut seen = Members::knowing(NOTIFICATIONS);
        let mut subscriptions = Subscriptions::default();
        while let Some(member) = members.next_key_seed(&mut seen)? {
            match member.is {
                Some(_) => subscriptions = members.next_value_seed(ReadsUris::at(level))?,
                None => members.next_value_seed(Dropped::at(level))?,
            }
        }
        Ok(subscriptions)
    }

    fn array<A: SeqAccess<'de>>(
        self,
        elements: A,
        level: usize,
    ) -> Result<Subscriptions, A::Error> {
        Dropped.array(elements, level)?;
        Ok(Subscriptions::Other)
    }
}

/// `params.notifications.resourceSubscriptions`.
struct ReadsUris;

impl ReadsUris {
    fn at(level: usize) -> Reading<Self> {
        Reading { level, reads: Self }
    }
}

impl<'de> Reads<'de> for ReadsUris {
    type Output = Subscriptions;

    fn plain<E: Error>(self, value: Plain<'_>) -> Result<Subscriptions, E> {
        ReadsNotifications.plain(value)
    }

    fn object<A: MapAccess<'de>>(
        self,
        members: A,
        level: usize,
    ) -> Result<Subscriptions, A::Error> {
        Dropped.object(members, level)?;
        Ok(Subscriptions::Other)
    }

    fn array<A: SeqAccess<'de>>(
        self,
        mut elements: A,
        level: usize,
    ) -> Result<Subscriptions, A::Error> {
        let mut subscriptions = Subscriptions::default();
        while let Some(uri) = elements.next_element_seed(Kept::at(level))? {
            subscriptions = subscriptions.and(uri);
        }
        Ok(subscriptions)
    }
}

impl Subscriptions {
    fn len(&self) -> usize {
        match self {
            Self::Uris(uris) => uris.len(),
            Self::TooMany | Self::Other => 0,
        }
    }

    fn and(self, uri: Slot) -> Self {
        match (self, uri) {
            (Self::Uris(uris), Slot::Text(_)) if uris.len() == MAX_SUBSCRIPTIONS => Self::TooMany,
            (Self::Uris(mut uris), Slot::Text(uri)) => {
                uris.push(uri);
                Self::Uris(uris)
            }
            (Self::TooMany, _) => Self::TooMany,
            _ => Self::Other,
        }
    }
}
