//! The sealed part of a snapshot as JSON.

use std::{collections::BTreeMap, time::Duration};

use oauthgate_core::{Issuer, KeyId, UnixTime, json::strict_object};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{KeySnapshot, SnapshotError, SnapshotKeys};
use crate::jwks::{Ruling, Validator, Withdrawals, WithdrawnName};

/// Members in one order, and maps in the order of their names, make one text of one snapshot.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'text> {
    issuer: String,
    place: String,
    #[serde(borrow)]
    keys: Option<Keys<'text>>,
    withdrawals: Rulings,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys<'text> {
    /// Seconds since 1970.
    confirmed_at: i64,
    /// Seconds.
    max_age: Option<u64>,
    validator: Option<Tag>,
    #[serde(borrow)]
    document: &'text RawValue,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    location: String,
    entity_tag: String,
}

/// Three maps, in which no name can occur twice: names to milliseconds, and thumbprints to the `kid` that
/// they were withdrawn along with.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rulings {
    withdrawn: BTreeMap<String, u64>,
    restored: BTreeMap<String, u64>,
    along_with: BTreeMap<String, String>,
}

/// Texts, numbers and a document that was parsed: these always serialize.
pub(super) fn write(snapshot: &KeySnapshot) -> Vec<u8> {
    let body = Body {
        issuer: snapshot.issuer.as_str().to_owned(),
        place: snapshot.place.clone(),
        keys: snapshot.keys.as_ref().and_then(Keys::of),
        withdrawals: Rulings::of(&snapshot.withdrawals),
    };
    serde_json::to_vec(&body).unwrap_or_default()
}

/// Reads strictly. Errors never quote the text.
pub(super) fn read(text: &[u8]) -> Result<KeySnapshot, SnapshotError> {
    // No member twice at any level, no odd encoding; what remains is to find the right ones.
    strict_object(text, KeySnapshot::MAX_LENGTH).map_err(|_| malformed())?;
    let body: Body<'_> = serde_json::from_slice(text).map_err(|_| malformed())?;
    let issuer = Issuer::new(body.issuer).map_err(|_| malformed())?;
    let keys = body.keys.map(Keys::into_snapshot).transpose()?;
    Ok(KeySnapshot {
        issuer,
        place: body.place,
        keys,
        withdrawals: body.withdrawals.into_withdrawals().ok_or_else(malformed)?,
    })
}

fn malformed() -> SnapshotError {
    SnapshotError::damaged("its members are not those of this version")
}

impl<'text> Keys<'text> {
    fn of(keys: &'text SnapshotKeys) -> Option<Self> {
        Some(Self {
            confirmed_at: keys.confirmed_at.as_secs(),
            max_age: keys.max_age.map(|age| age.as_secs()),
            validator: keys.validator.as_ref().map(Tag::of),
            document: serde_json::from_slice(&keys.document).ok()?,
        })
    }

    /// The keys are parsed again: this version may be stricter than the one that saved them.
    fn into_snapshot(self) -> Result<SnapshotKeys, SnapshotError> {
        let confirmed_at = UnixTime::from_secs(self.confirmed_at);
        let keys = SnapshotKeys::new(self.document.get().as_bytes(), |_| false, confirmed_at)
            .map_err(|error| SnapshotError::damaged(error.to_string()))?;
        Ok(keys
            .with_max_age(self.max_age.map(Duration::from_secs))
            .with_validator(self.validator.map(Tag::into_validator)))
    }
}

impl Tag {
    fn of(validator: &Validator) -> Self {
        Self {
            location: validator.location.clone(),
            entity_tag: validator.entity_tag.clone(),
        }
    }

    fn into_validator(self) -> Validator {
        Validator {
            location: self.location,
            entity_tag: self.entity_tag,
        }
    }
}

impl Rulings {
    fn of(withdrawals: &Withdrawals) -> Self {
        let mut rulings = Self::default();
        for (name, ruling) in withdrawals.iter() {
            let map = if ruling.withdrawn {
                &mut rulings.withdrawn
            } else {
                &mut rulings.restored
            };
            map.insert(name.to_text(), ruling.at);
            if let Some(key_id) = &ruling.along_with {
                rulings
                    .along_with
                    .insert(name.to_text(), key_id.as_str().to_owned());
            }
        }
        rulings
    }

    /// `None` when the maps contradict each other or hold more than fits.
    fn into_withdrawals(mut self) -> Option<Withdrawals> {
        let mut withdrawals = Withdrawals::new();
        let rulings = (self.restored.iter().map(|entry| (entry, false)))
            .chain(self.withdrawn.iter().map(|entry| (entry, true)));
        for ((text, at), withdrawn) in rulings {
            let along_with = match self.along_with.remove(text) {
                Some(key_id) => Some(KeyId::new(&key_id)?),
                None => None,
            };
            let ruling = Ruling {
                at: *at,
                withdrawn,
                along_with,
            };
            if !withdrawals.recall(&WithdrawnName::from_text(text)?, ruling) {
                return None;
            }
        }
        self.along_with.is_empty().then_some(withdrawals)
    }
}
