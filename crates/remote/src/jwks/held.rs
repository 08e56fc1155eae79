//! What is held of one issuer, and what an answer makes of it.

use std::{sync::Arc, time::Duration};

use oauthgate_core::{
    JwkSet,
    keys::{Jwk, JwkSetError},
};

use super::{
    Fetched, FetchedSet, KeySourceError, SnapshotKeys, Validator, ring::KeyRing, rule::KeyRule,
    schedule::Freshness,
};

/// A good set, and until when it may be used. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) ring: Arc<KeyRing>,
    pub(super) body: Arc<[u8]>,
    pub(super) validator: Option<Validator>,
    pub(super) max_age: Option<Duration>,
    /// Set by the schedule when it takes the set over.
    pub(super) serve_until: Duration,
    /// Whether the set is a memory that its issuer has not confirmed to this process.
    pub(super) is_recalled: bool,
}

/// What a good answer does to the held set.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) held: Held,
    pub(super) freshness: Freshness,
    /// Whether another set takes the held one's place; else it is confirmed.
    pub(super) replaces: bool,
}

/// How sets are read: the operator's word on single keys, and how many keys are held prepared.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) rule: KeyRule,
    pub(super) most_prepared: usize,
}

impl Reading {
    /// What becomes of the held set after this answer: it is confirmed, or replaced, or, when the
    /// answer is no good set, neither.
    pub(super) fn outcome(
        &self,
        held: Option<&Held>,
        answer: Fetched,
    ) -> Result<Outcome, KeySourceError> {
        let freshness = answer.freshness;
        let outcome = |held, replaces| Outcome {
            held,
            freshness,
            replaces,
        };
        match (answer.set, held) {
            (FetchedSet::NotModified, None) => Err(KeySourceError::jwks_unavailable(
                "answered 304, and no set is held",
            )),
            (FetchedSet::Unasked, _) => Err(KeySourceError::jwks_unavailable("nobody was asked")),
            (FetchedSet::NotModified, Some(held)) => Ok(outcome(
                held.again(held.validator.clone(), freshness),
                false,
            )),
            (FetchedSet::Document { body, validator }, Some(held)) if *held.body == *body => {
                Ok(outcome(held.again(validator, freshness), false))
            }
            (FetchedSet::Document { body, validator }, _) => {
                let ring = self.ring(&body).map_err(|error| unusable(&error))?;
                let held = Held {
                    ring: Arc::new(ring),
                    body: body.into(),
                    validator,
                    max_age: freshness.max_age,
                    serve_until: Duration::ZERO,
                    is_recalled: false,
                };
                Ok(outcome(held, true))
            }
        }
    }

    /// The set of an earlier process, or of a program's own.
    pub(super) fn recalled(
        &self,
        keys: &SnapshotKeys,
        freshness: Freshness,
    ) -> Result<Outcome, JwkSetError> {
        let held = Held {
            ring: Arc::new(self.ring(keys.document())?),
            body: keys.document().into(),
            validator: keys.validator().cloned(),
            max_age: keys.max_age(),
            serve_until: Duration::ZERO,
            is_recalled: true,
        };
        Ok(Outcome {
            held,
            freshness,
            replaces: true,
        })
    }

    /// The held set, read anew: the operator's word has changed. A set that could not be read again, which
    /// a parsed document rules out, holds no key: better none than a withdrawn one.
    pub(super) fn reread(&self, held: &Held) -> Held {
        let ring = self.ring(&held.body).unwrap_or_else(|_| KeyRing::empty());
        Held {
            ring: Arc::new(ring),
            ..held.clone()
        }
    }

    /// A set of which the operator lets no key in is a good set: it verifies nothing.
    fn ring(&self, body: &[u8]) -> Result<KeyRing, JwkSetError> {
        let published = JwkSet::parse(body)?;
        let names = published
            .keys()
            .iter()
            .filter_map(Jwk::id)
            .cloned()
            .collect();
        let set = self.rule.admitted(published)?;
        Ok(KeyRing::new(body, set, self.most_prepared)?.of_published(names))
    }
}

impl Held {
    /// The same set, of which the next answer must be the whole document.
    pub(super) fn unconditional(&self) -> Self {
        Self {
            validator: None,
            ..self.clone()
        }
    }

    fn again(&self, validator: Option<Validator>, freshness: Freshness) -> Self {
        Self {
            validator,
            max_age: freshness.max_age,
            is_recalled: false,
            ..self.clone()
        }
    }
}

fn unusable(error: &JwkSetError) -> KeySourceError {
    match error {
        JwkSetError::NoUsableKeys { .. } | JwkSetError::MissingKeys | JwkSetError::Empty => {
            KeySourceError::no_usable_keys(error.to_string())
        }
        _ => KeySourceError::jwks_unavailable(error.to_string()),
    }
}
