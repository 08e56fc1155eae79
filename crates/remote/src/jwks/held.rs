//! What is held of one issuer, and what an answer makes of it.

use std::{sync::Arc, time::Duration};

use oauthgate_core::{JwkSet, keys::JwkSetError};

use super::{Fetched, FetchedSet, KeySourceError, Validator, ring::KeyRing};

/// A good set, and when the issuer last confirmed it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) ring: Arc<KeyRing>,
    body: Arc<[u8]>,
    pub(super) validator: Option<Validator>,
    pub(super) confirmed: Duration,
}

/// What a good answer does to the held set.
pub(super) enum Outcome {
    /// The set is still the current one.
    Confirmed(Held),
    /// Another set takes its place.
    Replaced(Held),
}

impl Held {
    /// What becomes of the held set after this answer: it is confirmed, or replaced, or, when the
    /// answer is no good set, neither.
    pub(super) fn after(
        held: Option<&Self>,
        answer: Fetched,
        now: Duration,
        most_prepared: usize,
    ) -> Result<Outcome, KeySourceError> {
        match (answer.set, held) {
            (FetchedSet::NotModified, None) => Err(KeySourceError::jwks_unavailable(
                "answered 304, and no set is held",
            )),
            (FetchedSet::NotModified, Some(held)) => Ok(Outcome::Confirmed(
                held.confirmed_at(now, held.validator.clone()),
            )),
            (FetchedSet::Document { body, validator }, Some(held)) if *held.body == *body => {
                Ok(Outcome::Confirmed(held.confirmed_at(now, validator)))
            }
            (FetchedSet::Document { body, validator }, _) => Ok(Outcome::Replaced(Self {
                ring: Arc::new(ring(&body, most_prepared).map_err(|error| unusable(&error))?),
                body: body.into(),
                validator,
                confirmed: now,
            })),
        }
    }

    fn confirmed_at(&self, now: Duration, validator: Option<Validator>) -> Self {
        Self {
            ring: Arc::clone(&self.ring),
            body: Arc::clone(&self.body),
            validator,
            confirmed: now,
        }
    }
}

fn ring(body: &[u8], most_prepared: usize) -> Result<KeyRing, JwkSetError> {
    let set = JwkSet::parse(body)?;
    KeyRing::new(body, set, most_prepared)
}

fn unusable(error: &JwkSetError) -> KeySourceError {
    match error {
        JwkSetError::NoUsableKeys { .. } | JwkSetError::MissingKeys => {
            KeySourceError::no_usable_keys(error.to_string())
        }
        _ => KeySourceError::jwks_unavailable(error.to_string()),
    }
}
