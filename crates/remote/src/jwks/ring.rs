//! One issuer's keys, of which only so many are held prepared (`OAUTH_JWKS_MAX_KEYS`).
//!
//! A set within the limit is prepared once and held. Of a larger one the texts are held; a key is
//! prepared when a token names it, and the most used ones stay prepared. So a provider with a
//! thousand tenants' keys works, and costs the memory of sixteen.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use oauthgate_core::{
    JwkSet, KeyHint, KeyId, SigningAlgorithm,
    keys::{Jwk, JwkSetError, SkippedKey},
};
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::HeldKey;

/// The usable keys of one document.
#[derive(Debug)]
pub(super) struct KeyRing {
    usable: usize,
    listed: Vec<HeldKey>,
    skipped: Vec<SkippedKey>,
    /// The `kid`s that the issuer publishes, let in or not.
    published: HashSet<KeyId>,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    Prepared(Arc<JwkSet>),
    OnDemand(OnDemand),
}

#[derive(Debug)]
struct OnDemand {
    /// What tokens without a `kid` may try: keys without one, then the first ones of the set.
    unnamed: Arc<JwkSet>,
    /// A small set per `kid`, as text.
    named: HashMap<KeyId, Box<str>>,
    prepared: Cache<KeyId, Arc<JwkSet>>,
}

impl KeyRing {
    /// Takes a parsed document over.
    ///
    /// # Errors
    /// When a part of the document is no set of its own, which a parsed document rules out.
    pub(super) fn new(document: &[u8], set: JwkSet, limit: usize) -> Result<Self, JwkSetError> {
        Ok(Self {
            usable: set.keys().len(),
            listed: set.keys().iter().map(listed).collect(),
            skipped: set.skipped().to_vec(),
            published: HashSet::new(),
            keys: if set.keys().len() <= limit {
                Keys::Prepared(Arc::new(set))
            } else {
                Keys::OnDemand(OnDemand::new(document, &set, limit)?)
            },
        })
    }

    /// The same ring, which knows what its issuer published.
    pub(super) fn of_published(mut self, names: HashSet<KeyId>) -> Self {
        self.published = names;
        self
    }

    /// Holds no key.
    pub(super) fn empty() -> Self {
        Self {
            usable: 0,
            listed: Vec::new(),
            skipped: Vec::new(),
            published: HashSet::new(),
            keys: Keys::Prepared(Arc::new(JwkSet::empty())),
        }
    }

    /// How many keys can be used.
    pub(super) fn usable(&self) -> usize {
        self.usable
    }

    /// The keys that can be used, for people.
    pub(super) fn listed(&self) -> &[HeldKey] {
        &self.listed
    }

    /// The members of the document that cannot, and why.
    pub(super) fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Whether there is a key with this `kid`.
    pub(super) fn contains(&self, key_id: &KeyId) -> bool {
        match &self.keys {
            Keys::Prepared(set) => set.contains(key_id),
            Keys::OnDemand(keys) => keys.named.contains_key(key_id),
        }
    }

    /// Whether the issuer publishes a key with this `kid`, and none is let in.
    pub(super) fn withholds(&self, key_id: &KeyId) -> bool {
        self.published.contains(key_id) && !self.contains(key_id)
    }

    /// The keys that a token with this header may try.
    pub(super) fn set_for(&self, hint: &KeyHint) -> Arc<JwkSet> {
        match (&self.keys, &hint.key_id) {
            (Keys::Prepared(set), _) => Arc::clone(set),
            (Keys::OnDemand(keys), Some(key_id)) => keys.named(key_id),
            (Keys::OnDemand(keys), None) => Arc::clone(&keys.unnamed),
        }
    }
}

fn listed(key: &Jwk) -> HeldKey {
    HeldKey {
        key_id: key.id().map(|id| id.as_str().to_owned()),
        thumbprint: key.thumbprint().to_owned(),
        algorithms: key.algorithms().map(SigningAlgorithm::name).collect(),
    }
}

impl OnDemand {
    fn new(document: &[u8], set: &JwkSet, limit: usize) -> Result<Self, JwkSetError> {
        let members = usable_members(document, set)?;
        let (named, unnamed): (Vec<_>, Vec<_>) = members
            .iter()
            .map(|member| (key_id(member), *member))
            .partition(|(key_id, _)| key_id.is_some());
        let half = (limit / 2).max(1);
        let tried = unnamed
            .iter()
            .chain(&named)
            .map(|(_, member)| *member)
            .take(half);
        Ok(Self {
            unnamed: Arc::new(JwkSet::parse(set_of(tried).as_bytes())?),
            named: texts_by_key_id(named),
            prepared: Cache::new(limit.saturating_sub(half).max(1)),
        })
    }

    /// Falls back to keys without this `kid`: the verifier then says `unknown_kid`.
    fn named(&self, key_id: &KeyId) -> Arc<JwkSet> {
        self.prepared
            .get(key_id)
            .or_else(|| self.prepare(key_id))
            .unwrap_or_else(|| Arc::clone(&self.unnamed))
    }

    fn prepare(&self, key_id: &KeyId) -> Option<Arc<JwkSet>> {
        let text = self.named.get(key_id)?;
        let set = Arc::new(JwkSet::parse(text.as_bytes()).ok()?);
        self.prepared.insert(key_id.clone(), Arc::clone(&set));
        Some(set)
    }
}

#[derive(Deserialize)]
struct Document<'text> {
    #[serde(borrow)]
    keys: Vec<&'text RawValue>,
}

#[derive(Deserialize)]
struct Named {
    kid: Option<String>,
}

fn usable_members<'text>(
    document: &'text [u8],
    set: &JwkSet,
) -> Result<Vec<&'text str>, JwkSetError> {
    let document: Document<'_> = serde_json::from_slice(document)
        .map_err(|error| JwkSetError::Malformed(error.to_string()))?;
    let is_skipped = |position| set.skipped().iter().any(|key| key.position == position);
    let members = document.keys.into_iter().enumerate();
    Ok(members
        .filter(|(position, _)| !is_skipped(*position))
        .map(|(_, member)| member.get())
        .collect())
}

fn key_id(member: &str) -> Option<KeyId> {
    KeyId::new(&serde_json::from_str::<Named>(member).ok()?.kid?)
}

fn texts_by_key_id(members: Vec<(Option<KeyId>, &str)>) -> HashMap<KeyId, Box<str>> {
    let mut by_key_id: HashMap<KeyId, Vec<&str>> = HashMap::new();
    for (key_id, member) in members {
        if let Some(key_id) = key_id {
            by_key_id.entry(key_id).or_default().push(member);
        }
    }
    by_key_id
        .into_iter()
        .map(|(key_id, members)| (key_id, set_of(members).into()))
        .collect()
}

fn set_of<'text>(members: impl IntoIterator<Item = &'text str>) -> String {
    let members: Vec<&str> = members.into_iter().collect();
    format!(r#"{{"keys":[{}]}}"#, members.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::TestKey;

    fn hint(key_id: Option<&str>) -> KeyHint {
        KeyHint {
            key_id: key_id.and_then(KeyId::new),
            algorithm: SigningAlgorithm::EdDsa,
        }
    }

    fn ring(members: &[serde_json::Value], limit: usize) -> KeyRing {
        let document = json!({ "other": [1], "keys": members }).to_string();
        let set = JwkSet::parse(document.as_bytes()).unwrap();
        KeyRing::new(document.as_bytes(), set, limit).unwrap()
    }

    fn many(count: usize) -> Vec<serde_json::Value> {
        (0..count)
            .map(|kid| TestKey::new(&format!("k{kid}")).jwk())
            .collect()
    }

    fn prepared(ring: &KeyRing) -> usize {
        match &ring.keys {
            Keys::Prepared(set) => set.keys().len(),
            Keys::OnDemand(keys) => keys.unnamed.keys().len() + keys.prepared.len(),
        }
    }

    #[test]
    fn every_key_of_a_large_set_is_found_and_few_are_held_prepared() {
        let members = many(200);
        for limit in [1, 2, 16, 199] {
            let ring = ring(&members, limit);
            for kid in (0..200).map(|kid| format!("k{kid}")) {
                let key_id = KeyId::new(&kid).unwrap();
                assert!(ring.contains(&key_id));
                assert!(ring.set_for(&hint(Some(&kid))).contains(&key_id));
            }
            assert!(
                prepared(&ring) <= limit.max(2),
                "{limit}: {}",
                prepared(&ring)
            );
            assert_eq!((ring.usable(), ring.skipped().len()), (200, 0));
        }
    }

    #[test]
    fn a_set_within_the_limit_is_held_whole() {
        let ring = ring(&many(16), 16);
        assert_eq!(prepared(&ring), 16);
        assert_eq!(ring.set_for(&hint(None)).keys().len(), 16);
    }

    #[test]
    fn an_unknown_kid_finds_nothing_in_a_large_set() {
        let ring = ring(&many(20), 4);
        assert!(!ring.contains(&KeyId::new("other").unwrap()));
        assert!(
            !ring
                .set_for(&hint(Some("other")))
                .contains(&KeyId::new("other").unwrap())
        );
    }

    #[test]
    fn members_that_are_skipped_stay_skipped() {
        let mut members = many(20);
        members.insert(0, json!({"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}));
        members.insert(7, json!(7));
        let ring = ring(&members, 4);
        assert_eq!((ring.usable(), ring.skipped().len()), (20, 2));
        assert!(!ring.contains(&KeyId::new("secret").unwrap()));
    }

    #[test]
    fn two_keys_with_one_kid_stay_together() {
        let mut members = many(20);
        members.push(TestKey::new("k3").jwk());
        let set = ring(&members, 4).set_for(&hint(Some("k3")));
        assert_eq!(set.keys().len(), 2);
    }

    #[test]
    fn tokens_without_a_kid_try_keys_without_one_first() {
        let mut members = many(20);
        members.push(TestKey::without_key_id().jwk());
        let set = ring(&members, 4).set_for(&hint(None));
        assert_eq!(set.keys().len(), 2);
        assert!(set.keys()[0].id().is_none());
    }
}
