//! What outlives the process: an issuer's keys as they were last confirmed, and what was withdrawn.
//!
//! ```text
//! oauthgate-keys 1 sha256 5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9
//! {"issuer":"https://auth.example.com/","place":"metadata","keys":{…},"withdrawals":{…}}
//! ```
//!
//! The first line names the format, its version and the seal of everything behind it. The seal is
//! verified before a byte of the rest is read; the rest is then read as strictly as a token, and each key
//! is parsed again: a snapshot is a memory, not an authority.

mod body;
mod error;
mod seal;

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;
use oauthgate_core::{
    Issuer, JwkSet, UnixTime,
    keys::{Jwk, JwkSetError},
    text::Printable,
};

pub use error::SnapshotError;
pub use seal::Seal;

use super::{Validator, Withdrawals};

const FORMAT: &str = "oauthgate-keys";
const VERSION: &str = "1";
/// Under the seal with every snapshot, so that nothing else that we seal can be taken for one.
const PURPOSE: &str = "oauthgate key snapshot, version 1";
/// How far a confirmation may lie ahead of our clock.
const MOST_SKEW: Duration = Duration::from_secs(60);
/// How long the parts of a [`Validator`] may be; it only saves a transfer.
const LONGEST_VALIDATOR: usize = 2_048;

/// Keeps snapshots where they outlive the process. Losing one costs a fetch, so no failure is fatal.
pub trait SnapshotKeeper: fmt::Debug + Send + Sync + 'static {
    /// What was saved last for this issuer and place. Without a snapshot of this place there may still be
    /// withdrawals, which hold for the issuer wherever its keys come from.
    ///
    /// # Errors
    /// When there is something that cannot be used. Its [`SnapshotError::salvaged`] withdrawals hold
    /// nevertheless; [`recall`] does not forget them.
    fn load<'a>(
        &'a self,
        issuer: &'a Issuer,
        place: &'a str,
    ) -> BoxFuture<'a, Result<Option<KeySnapshot>, SnapshotError>>;

    /// Saves this snapshot in place of an earlier one. Withdrawals that were saved before stay saved.
    ///
    /// # Errors
    /// When it is not saved.
    fn save(&self, snapshot: KeySnapshot) -> BoxFuture<'_, Result<(), SnapshotError>>;
}

/// What a keeper knows: keys if they can be used, withdrawals in any case, and what went wrong.
pub async fn recall(
    keeper: &dyn SnapshotKeeper,
    issuer: &Issuer,
    place: &str,
) -> (KeySnapshot, Option<SnapshotError>) {
    let nothing = || KeySnapshot::new(issuer.clone(), place);
    match keeper.load(issuer, place).await {
        Ok(snapshot) => (snapshot.unwrap_or_else(nothing), None),
        Err(error) => {
            let withdrawals = error.salvaged().clone();
            (nothing().with_withdrawals(withdrawals), Some(error))
        }
    }
}

/// What is known about one issuer's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySnapshot {
    /// The issuer.
    pub issuer: Issuer,
    /// Where the keys come from: the URL that the operator named, or "metadata". Keys of one place are not
    /// used for another.
    pub place: String,
    /// The keys, if any were ever confirmed and not all are withdrawn.
    pub keys: Option<SnapshotKeys>,
    /// What the operator took away.
    pub withdrawals: Withdrawals,
}

/// Keys and when their issuer last confirmed them. Holding this is the proof that the document is a set
/// of usable public keys and holds nothing else.
#[derive(Clone)]
pub struct SnapshotKeys {
    document: Vec<u8>,
    /// Whether nothing of the issuer's document is missing.
    is_whole: bool,
    validator: Option<Validator>,
    confirmed_at: UnixTime,
    max_age: Option<Duration>,
}

impl SnapshotKeys {
    /// Takes the usable keys out of a document as it was fetched, less the barred ones.
    ///
    /// # Errors
    /// When the document is no key set, or no key is left.
    pub fn new(
        document: &[u8],
        barred: impl Fn(&Jwk) -> bool,
        confirmed_at: UnixTime,
    ) -> Result<Self, JwkSetError> {
        let document = JwkSet::public_document(document, barred)?;
        Ok(Self {
            document: document.text,
            is_whole: document.left_out == 0,
            validator: None,
            confirmed_at,
            max_age: None,
        })
    }

    /// With what to send along next time, unless it could not be sent. Where a key was left out, the
    /// validator names another document: a later version may use the key, and must be sent it again.
    #[must_use]
    pub fn with_validator(mut self, validator: Option<Validator>) -> Self {
        self.validator = validator.filter(|validator| self.is_whole && can_be_sent(validator));
        self
    }

    /// With how long the issuer said the set stays good.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Option<Duration>) -> Self {
        self.max_age = max_age.map(|age| Duration::from_secs(age.as_secs()));
        self
    }

    /// Without the barred keys; `None` when none is left.
    #[must_use]
    pub fn without(&self, barred: impl Fn(&Jwk) -> bool) -> Option<Self> {
        let left = Self::new(&self.document, barred, self.confirmed_at).ok()?;
        Some(
            left.with_validator(self.validator.clone())
                .with_max_age(self.max_age),
        )
    }

    /// A JWK set of usable public keys with the members `kty crv n e x y kid alg use key_ops issuer` only.
    #[must_use]
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// What to send along next time.
    #[must_use]
    pub fn validator(&self) -> Option<&Validator> {
        self.validator.as_ref()
    }

    /// When the issuer last said that these are its keys.
    #[must_use]
    pub fn confirmed_at(&self) -> UnixTime {
        self.confirmed_at
    }

    /// How long it then said that they stay good.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }
}

/// Two are equal when they say the same, whatever was left out on the way.
impl PartialEq for SnapshotKeys {
    fn eq(&self, other: &Self) -> bool {
        let said = |keys: &Self| (keys.validator.clone(), keys.confirmed_at, keys.max_age);
        self.document == other.document && said(self) == said(other)
    }
}

impl Eq for SnapshotKeys {}

/// Shows the length of the document only.
impl fmt::Debug for SnapshotKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotKeys")
            .field("bytes", &self.document.len())
            .field("validator", &self.validator)
            .field("confirmed_at", &self.confirmed_at)
            .field("max_age", &self.max_age)
            .finish()
    }
}

impl KeySnapshot {
    /// How long a snapshot may be when written down, in bytes.
    pub const MAX_LENGTH: usize = 1024 * 1024;

    /// Knows nothing yet.
    #[must_use]
    pub fn new(issuer: Issuer, place: impl Into<String>) -> Self {
        Self {
            issuer,
            place: place.into(),
            keys: None,
            withdrawals: Withdrawals::new(),
        }
    }

    /// With these withdrawals in place of others.
    #[must_use]
    pub fn with_withdrawals(mut self, withdrawals: Withdrawals) -> Self {
        self.withdrawals = withdrawals;
        self
    }

    /// The snapshot as one sealed text, the same bytes for the same snapshot.
    #[must_use]
    pub fn to_bytes(&self, seal: &Seal) -> Vec<u8> {
        let body = body::write(self);
        let mark = seal.mark(PURPOSE, &body);
        let mut bytes = format!("{FORMAT} {VERSION} {} {mark}\n", seal.name()).into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote with the same seal. Whether it is about the wanted issuer, place
    /// and time is for [`Self::fit_for`] to say.
    ///
    /// # Errors
    /// When it is anything else, down to a single changed byte.
    pub fn from_bytes(bytes: &[u8], seal: &Seal) -> Result<Self, SnapshotError> {
        if bytes.len() > Self::MAX_LENGTH {
            return Err(SnapshotError::too_large());
        }
        body::read(sealed_body(bytes, seal)?)
    }

    /// This snapshot, if it is about this issuer and place and its keys were confirmed in the past.
    ///
    /// # Errors
    /// When it is not. A snapshot of the right issuer whose keys cannot be used still says what was
    /// withdrawn: [`SnapshotError::salvaged`].
    pub fn fit_for(
        self,
        issuer: &Issuer,
        place: &str,
        now: UnixTime,
    ) -> Result<Self, SnapshotError> {
        if self.issuer != *issuer {
            return Err(SnapshotError::foreign(format!(
                "it is about the issuer {}",
                Printable(self.issuer.as_str())
            )));
        }
        if self.place != place {
            return Err(SnapshotError::foreign(format!(
                "its keys come from {}",
                Printable(&self.place)
            ))
            .with_salvaged(self.withdrawals));
        }
        let latest = now.saturating_add(MOST_SKEW);
        match &self.keys {
            Some(keys) if keys.confirmed_at > latest => {
                let ahead = keys.confirmed_at.seconds_since(now);
                Err(SnapshotError::from_the_future(ahead).with_salvaged(self.withdrawals))
            }
            _ => Ok(self),
        }
    }
}

/// A tag that no header can carry would fail every fetch.
fn can_be_sent(validator: &Validator) -> bool {
    let is_visible = |byte: u8| matches!(byte, 0x21..=0x7e);
    validator.entity_tag.len() <= LONGEST_VALIDATOR
        && validator.location.len() <= LONGEST_VALIDATOR
        && validator.entity_tag.bytes().all(is_visible)
        && validator.location.bytes().all(is_visible)
}

/// The part under the seal, once the seal was verified.
fn sealed_body<'bytes>(bytes: &'bytes [u8], seal: &Seal) -> Result<&'bytes [u8], SnapshotError> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, rest) = end
        .and_then(|end| bytes.split_at_checked(end))
        .ok_or_else(SnapshotError::not_a_snapshot)?;
    let line = std::str::from_utf8(line).map_err(|_| SnapshotError::not_a_snapshot())?;
    let body = rest.get(1..).unwrap_or_default();
    let words: Vec<_> = line.split(' ').collect();
    let [FORMAT, version, name, mark] = words[..] else {
        return Err(SnapshotError::not_a_snapshot());
    };
    if version != VERSION {
        return Err(SnapshotError::other_version());
    }
    if name != seal.name() {
        return Err(SnapshotError::other_seal(seal.name()));
    }
    if !seal.verifies(PURPOSE, body, mark) {
        return Err(SnapshotError::damaged("its seal is broken"));
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
