//! The reader: one pass over the text, every level checked, almost nothing kept.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

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
    reader.deserialize_any(BodyVisitor { wanted })
}

struct BodyVisitor<'w> {
    wanted: &'w Wanted,
}

impl<'de> Visitor<'de> for BodyVisitor<'_> {
    type Value = Bodies;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message or a batch of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Bodies, A::Error> {
        let seed = MessageSeed {
            wanted: self.wanted,
        };
        Ok(Bodies::Single(Box::new(seed.visit_map(members)?)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Bodies, A::Error> {
        let wanted = self.wanted;
        let mut messages = Vec::new();
        while let Some(message) = elements.next_element_seed(MessageSeed { wanted })? {
            if messages.len() == MAX_BATCH {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_BATCH} messages in a batch"
                )));
            }
            messages.push(message);
        }
        Ok(Bodies::Batch(messages))
    }
}

struct MessageSeed<'w> {
    wanted: &'w Wanted,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ReadMessage;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<ReadMessage, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ReadMessage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ReadMessage, A::Error> {
        const LEVEL: usize = 2;
        let mut seen = Members::knowing(MESSAGE);
        let mut read = ReadMessage::default();
        while let Some(member) = members.next_key_seed(&mut seen)? {
            match member.is {
                Some("jsonrpc") => read.jsonrpc = members.next_value_seed(Kept::at(LEVEL))?,
                Some("id") => read.id = members.next_value_seed(Kept::at(LEVEL))?,
                Some("method") => read.method = members.next_value_seed(Kept::at(LEVEL))?,
                Some("params") => {
                    read.params = members.next_value_seed(ParamsSeed {
                        wanted: self.wanted,
                    })?;
                }
                other => {
                    members.next_value_seed(Dropped::at(LEVEL))?;
                    read.has_result |= other == Some("result");
                    read.has_error |= other == Some("error");
                }
            }
        }
        Ok(read)
    }
}

struct ParamsSeed<'w> {
    wanted: &'w Wanted,
}

impl<'de> DeserializeSeed<'de> for ParamsSeed<'_> {
    type Value = Params;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Params, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ParamsSeed<'_> {
    type Value = Params;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`params` as an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Params, A::Error> {
        const LEVEL: usize = 3;
        let mut seen = Members::knowing(PARAMS);
        let mut params = Params::default();
        while let Some(member) = members.next_key_seed(&mut seen)? {
            match member.is {
                Some("name") => params.name = members.next_value_seed(Kept::at(LEVEL))?,
                Some("uri") => params.uri = members.next_value_seed(Kept::at(LEVEL))?,
                Some("arguments") => {
                    let arguments = ReadsArguments::at(LEVEL, self.wanted);
                    params.arguments = ReadArguments(members.next_value_seed(arguments)?);
                }
                Some("ref") => {
                    let [kind, name, uri] =
                        members.next_value_seed(MembersOf(REFERENCE).at(LEVEL))?;
                    params.reference = Reference { kind, name, uri };
                }
                Some("notifications") => {
                    params.subscriptions =
                        members.next_value_seed(ReadsNotifications::at(LEVEL))?;
                }
                Some("_meta") => {
                    let [version] = members.next_value_seed(MembersOf(META).at(LEVEL))?;
                    params.protocol_version = version;
                }
                _ => members.next_value_seed(Dropped::at(LEVEL))?,
            }
        }
        Ok(params)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Params, A::Error> {
        Dropped.array(elements, 3)?;
        Ok(Params {
            is_array: true,
            ..Params::default()
        })
    }

    /// `"params": null` is no JSON-RPC, and harmless: some clients write it.
    fn visit_unit<E: Error>(self) -> Result<Params, E> {
        Ok(Params::default())
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
