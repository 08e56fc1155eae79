//! Which keys of a set the operator lets in: all of them, unless some are pinned or withdrawn.

use std::collections::HashSet;

use oauthgate_core::{
    JwkSet, KeyId,
    keys::{Jwk, JwkSetError},
};

use super::{Withdrawals, WithdrawnName, dev_keys::without_dev_keys};
use crate::KeySettings;

/// The operator's word on single keys. A key is named by its `kid` or by its RFC 7638 thumbprint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyRule {
    pinned: HashSet<String>,
    withdrawn: HashSet<String>,
    refuses_dev_keys: bool,
    /// What was taken away while the process runs, or an earlier one ran.
    pub(super) rulings: Withdrawals,
}

impl KeyRule {
    /// What the configuration says.
    pub(super) fn new(settings: &KeySettings) -> Self {
        Self {
            pinned: settings.pinned_kids.iter().cloned().collect(),
            withdrawn: settings.withdrawn_kids.iter().cloned().collect(),
            refuses_dev_keys: settings.refuses_dev_keys,
            rulings: Withdrawals::new(),
        }
    }

    /// The keys of a set that may be used; perhaps none.
    ///
    /// # Errors
    /// When the set holds a throw-away key of a dev-issuer, and such sets are refused.
    pub(super) fn admitted(&self, set: JwkSet) -> Result<JwkSet, JwkSetError> {
        let set = match self.refuses_dev_keys {
            true => without_dev_keys(set)?,
            false => set,
        };
        Ok(set
            .without("it was withdrawn by the operator", |key| {
                self.is_withdrawn(key)
            })
            .without("it is none of the pinned keys", |key| !self.is_pinned(key)))
    }

    /// Whether no key of this name is let in, whatever its issuer publishes.
    pub(super) fn bars(&self, key_id: &KeyId) -> bool {
        self.has_withdrawn(key_id) || self.is_pinned_to_other_kids(key_id)
    }

    /// Whether this `kid` is among the withdrawn ones.
    pub(super) fn has_withdrawn(&self, key_id: &KeyId) -> bool {
        self.withdrawn.contains(key_id.as_str()) || self.rulings.bars_key_id(key_id)
    }

    /// The keys that are withdrawn, by the configuration and since. A suspended issuer is no key.
    pub(super) fn withdrawn_names(&self) -> Vec<String> {
        let rulings = self.rulings.withdrawn().filter_map(|name| match name {
            WithdrawnName::Key(key_id) => Some(key_id.as_str().to_owned()),
            WithdrawnName::Issuer => None,
        });
        let mut names: Vec<_> = self.withdrawn.iter().cloned().chain(rulings).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn is_withdrawn(&self, key: &Jwk) -> bool {
        names(key).any(|name| self.withdrawn.contains(name)) || self.rulings.bars(key)
    }

    fn is_pinned(&self, key: &Jwk) -> bool {
        self.pinned.is_empty() || names(key).any(|name| self.pinned.contains(name))
    }

    /// A thumbprint among the pinned names may belong to a key with any `kid`.
    fn is_pinned_to_other_kids(&self, key_id: &KeyId) -> bool {
        !self.pinned.is_empty()
            && !self.pinned.contains(key_id.as_str())
            && !self.pinned.iter().any(|name| may_be_thumbprint(name))
    }
}

/// What a key answers to.
pub(super) fn names(key: &Jwk) -> impl Iterator<Item = &str> {
    key.id()
        .map(KeyId::as_str)
        .into_iter()
        .chain([key.thumbprint()])
}

/// A SHA-256 in base64url without padding.
fn may_be_thumbprint(name: &str) -> bool {
    name.len() == 43
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
