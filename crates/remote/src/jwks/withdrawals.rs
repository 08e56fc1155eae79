//! Which keys an operator took away, and which were given back.
//!
//! Pure, without a clock: a map from names to rulings in which the later ruling wins, and of two at one
//! time the withdrawal. So replicas that exchange their maps agree, whatever the order and however often
//! they hear of a ruling.
//!
//! The map is bounded. What makes room are old restorations: forgetting one can only bring a withdrawal
//! back. A withdrawal is never forgotten; when nothing else is left, the next one is refused.

use std::{collections::BTreeMap, fmt};

use oauthgate_core::{KeyId, keys::Jwk};

/// What is taken away.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WithdrawnName {
    /// All keys of the issuer, known and unknown.
    Issuer,
    /// The keys with this `kid`, and the key with this SHA-256 thumbprint (RFC 7638, base64url).
    Key(KeyId),
}

const ISSUER: &str = "issuer";
const KEY: &str = "key:";

impl WithdrawnName {
    /// The `kid` or thumbprint, unless it is longer than a `kid` may be.
    #[must_use]
    pub fn key(text: &str) -> Option<Self> {
        KeyId::new(text).map(Self::Key)
    }

    /// The name as it is written down: `issuer`, or `key:` and the `kid` byte for byte. Not for logs.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Issuer => ISSUER.to_owned(),
            Self::Key(key_id) => format!("{KEY}{}", key_id.as_str()),
        }
    }

    /// Reads what [`Self::to_text`] wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        if text == ISSUER {
            return Some(Self::Issuer);
        }
        text.strip_prefix(KEY).and_then(Self::key)
    }
}

/// For logs: escaped and cut.
impl fmt::Display for WithdrawnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issuer => f.write_str("the whole issuer"),
            Self::Key(key_id) => key_id.fmt(f),
        }
    }
}

/// What was decided about a name, and when. The order of the fields is the order of rulings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ruling {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Withdrawn, or given back.
    pub withdrawn: bool,
    /// The `kid` whose withdrawal also took this thumbprint; giving the `kid` back gives it back.
    pub along_with: Option<KeyId>,
}

/// There are too many withdrawals to keep another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} keys of this issuer are withdrawn already, and none of them may be forgotten: withdraw the whole issuer",
    Withdrawals::CAPACITY
)]
pub struct WithdrawalsFull;

/// What a merge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Merged {
    /// Whether any ruling is another one now.
    pub changed: bool,
    /// How many withdrawals found no room: worth an alarm.
    pub refused: usize,
}

/// The rulings about one issuer's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withdrawals {
    rulings: BTreeMap<WithdrawnName, Ruling>,
    /// What the rulings need when they are written down, in bytes.
    written: usize,
}

impl Withdrawals {
    /// How many names are kept.
    pub const CAPACITY: usize = 1_000;

    /// How long the names may be together when written down, in bytes.
    pub const MAX_LENGTH: usize = 256 * 1024;

    /// The latest time of a ruling: what every JSON reader reads exactly (RFC 8259 §6).
    pub const LATEST: u64 = (1 << 53) - 1;

    /// No rulings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a name away, now: also when the clock of an earlier restoration was ahead of this one.
    ///
    /// # Errors
    /// When there is no room.
    pub fn withdraw(&mut self, name: &WithdrawnName, at: u64) -> Result<(), WithdrawalsFull> {
        self.withdraw_along_with(name, at, None)
    }

    /// Takes a `kid` away, and with it the thumbprints of the held keys that have it, so that the same key
    /// under another name, or a token without a `kid`, changes nothing. All of it or, without room, nothing.
    ///
    /// # Errors
    /// When there is no room.
    pub fn withdraw_key<'key>(
        &mut self,
        key_id: &KeyId,
        held: impl IntoIterator<Item = &'key Jwk>,
        at: u64,
    ) -> Result<(), WithdrawalsFull> {
        let mut after = self.clone();
        after.withdraw(&WithdrawnName::Key(key_id.clone()), at)?;
        for key in held.into_iter().filter(|key| key.id() == Some(key_id)) {
            match WithdrawnName::key(key.thumbprint()) {
                // An issuer may name its keys by their thumbprints.
                Some(WithdrawnName::Key(thumbprint)) if thumbprint == *key_id => {}
                Some(name) => after.withdraw_along_with(&name, at, Some(key_id.clone()))?,
                None => {}
            }
        }
        *self = after;
        Ok(())
    }

    fn withdraw_along_with(
        &mut self,
        name: &WithdrawnName,
        at: u64,
        along_with: Option<KeyId>,
    ) -> Result<(), WithdrawalsFull> {
        let before = self.rulings.get(name);
        let was_named =
            before.is_some_and(|before| before.withdrawn && before.along_with.is_none());
        let mut ruling = Ruling {
            at: at
                .max(before.map_or(0, |before| before.at))
                .min(Self::LATEST),
            withdrawn: true,
            // A thumbprint that was withdrawn by itself is not given back with a `kid`.
            along_with: along_with.filter(|_| !was_named),
        };
        match before {
            Some(before) if *before == ruling => return Ok(()),
            Some(before) if *before > ruling => ruling.at = (before.at + 1).min(Self::LATEST),
            _ => {}
        }
        self.put(name, ruling).then_some(()).ok_or(WithdrawalsFull)
    }

    /// Gives a name back, and with a `kid` the thumbprints that were withdrawn along with it: later than
    /// the withdrawals that are known here, whatever the clock says.
    ///
    /// # Errors
    /// When there is no room for a name that is not known here: then nothing changes.
    pub fn restore(&mut self, name: &WithdrawnName, at: u64) -> Result<(), WithdrawalsFull> {
        let along: Vec<_> = self
            .rulings
            .iter()
            .filter(|(_, ruling)| ruling.withdrawn && is_along_with(ruling, name))
            .map(|(thumbprint, _)| thumbprint.clone())
            .collect();
        let mut restored = self.clone();
        for name in along.iter().chain([name]) {
            let after = self.rulings.get(name).map_or(0, |ruling| ruling.at + 1);
            let ruling = Ruling {
                at: at.max(after).min(Self::LATEST),
                withdrawn: false,
                along_with: None,
            };
            if !restored.put(name, ruling) {
                return Err(WithdrawalsFull);
            }
        }
        *self = restored;
        Ok(())
    }

    /// Whether the key must not verify anything: by its `kid`, by its thumbprint, or with its issuer.
    #[must_use]
    pub fn bars(&self, key: &Jwk) -> bool {
        self.suspends_issuer()
            || key.id().is_some_and(|key_id| self.bars_key_id(key_id))
            || KeyId::new(key.thumbprint()).is_some_and(|thumbprint| self.bars_key_id(&thumbprint))
    }

    /// Whether this `kid` was taken away.
    #[must_use]
    pub fn bars_key_id(&self, key_id: &KeyId) -> bool {
        self.is_withdrawn(&WithdrawnName::Key(key_id.clone()))
    }

    /// Whether all keys of the issuer are taken away.
    #[must_use]
    pub fn suspends_issuer(&self) -> bool {
        self.is_withdrawn(&WithdrawnName::Issuer)
    }

    /// Whether the last ruling about this name is a withdrawal.
    #[must_use]
    pub fn is_withdrawn(&self, name: &WithdrawnName) -> bool {
        self.rulings
            .get(name)
            .is_some_and(|ruling| ruling.withdrawn)
    }

    /// Takes over what others ruled later. A name that the others do not know stays as it is.
    pub fn merge(&mut self, other: &Self) -> Merged {
        let mut merged = Merged {
            changed: false,
            refused: 0,
        };
        let (withdrawn, restored): (Vec<_>, Vec<_>) =
            other.iter().partition(|(_, ruling)| ruling.withdrawn);
        for (name, theirs) in withdrawn.into_iter().chain(restored) {
            if self.rulings.get(name).is_some_and(|ours| ours >= theirs) {
                continue;
            }
            let before = self.rulings.get(name).cloned();
            if self.take_over(name, theirs) {
                merged.changed |= self.rulings.get(name) != before.as_ref();
            } else if theirs.withdrawn {
                merged.refused += 1;
            }
        }
        merged
    }

    /// A known name never needs more room than before without its companion.
    fn take_over(&mut self, name: &WithdrawnName, ruling: &Ruling) -> bool {
        let alone = Ruling {
            along_with: None,
            ..*ruling
        };
        self.put(name, ruling.clone()) || self.put(name, alone)
    }

    /// Takes a saved ruling over. Returns whether it is well formed, new, and fits.
    pub(super) fn recall(&mut self, name: &WithdrawnName, ruling: Ruling) -> bool {
        let companion = ruling.along_with.is_some();
        let well_formed = ruling.at <= Self::LATEST && (ruling.withdrawn || !companion);
        let known = self.rulings.len();
        well_formed && self.put(name, ruling) && self.rulings.len() > known
    }

    /// Every name ever ruled about, unless it was forgotten.
    pub fn iter(&self) -> impl Iterator<Item = (&WithdrawnName, &Ruling)> {
        self.rulings.iter()
    }

    /// The names that are taken away now.
    pub fn withdrawn(&self) -> impl Iterator<Item = &WithdrawnName> {
        self.iter()
            .filter(|(_, ruling)| ruling.withdrawn)
            .map(|(name, _)| name)
    }

    /// Whether nothing was ever ruled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rulings.is_empty()
    }

    /// Writes a ruling down and makes room for it. Returns whether there is room; if not, what was known
    /// about the name stays.
    fn put(&mut self, name: &WithdrawnName, ruling: Ruling) -> bool {
        let before = self.replace(name, Some(ruling));
        while self.is_over() {
            let Some(oldest) = self.oldest_restored_but(name) else {
                self.replace(name, before);
                return false;
            };
            self.replace(&oldest, None);
        }
        true
    }

    fn replace(&mut self, name: &WithdrawnName, ruling: Option<Ruling>) -> Option<Ruling> {
        self.written += ruling.as_ref().map_or(0, |ruling| length(name, ruling));
        let before = match ruling {
            Some(ruling) => self.rulings.insert(name.clone(), ruling),
            None => self.rulings.remove(name),
        };
        self.written -= before.as_ref().map_or(0, |before| length(name, before));
        before
    }

    fn is_over(&self) -> bool {
        self.rulings.len() > Self::CAPACITY || self.written > Self::MAX_LENGTH
    }

    fn oldest_restored_but(&self, kept: &WithdrawnName) -> Option<WithdrawnName> {
        self.rulings
            .iter()
            .filter(|(name, ruling)| !ruling.withdrawn && *name != kept)
            .min_by_key(|(_, ruling)| ruling.at)
            .map(|(name, _)| name.clone())
    }
}

fn is_along_with(ruling: &Ruling, name: &WithdrawnName) -> bool {
    matches!((&ruling.along_with, name), (Some(along), WithdrawnName::Key(key_id)) if along == key_id)
}

/// The most that one ruling needs in JSON.
fn length(name: &WithdrawnName, ruling: &Ruling) -> usize {
    let name_length = escaped_length(&name.to_text());
    let along = ruling.along_with.as_ref();
    name_length + 24 + along.map_or(0, |along| name_length + escaped_length(along.as_str()) + 8)
}

fn escaped_length(text: &str) -> usize {
    let length = |byte| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(length).sum()
}

#[cfg(test)]
#[path = "withdrawals_tests.rs"]
mod tests;
