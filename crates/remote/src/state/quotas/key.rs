//! Whose quota it is.

use std::fmt;

use aws_lc_rs::digest;
use oauthgate_core::quota::Quota;

/// What a quota is counted under. Nothing of what it was made of can be read in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuotaKey([u8; 16]);

impl QuotaKey {
    /// The key that belongs to these texts in this order: other texts, or the same text cut in other
    /// places, have another one.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"oauthgate quota, version 1\n");
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut key = [0; 16];
        let digest = context.finish();
        key.iter_mut()
            .zip(digest.as_ref())
            .for_each(|(to, from)| *to = *from);
        Self(key)
    }

    /// The key of the count under this quota.
    pub(in crate::state) fn under(self, quota: Quota) -> Self {
        let quota = u128::from(quota.price(1)) << 64 | u128::from(quota.depth());
        Self((u128::from_be_bytes(self.0) ^ quota).to_be_bytes())
    }

    /// The key itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for QuotaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuotaKey({:032x})", u128::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_cut_in_other_places_are_other_keys() {
        let lists: [&[&str]; 9] = [
            &[],
            &[""],
            &["", ""],
            &["ab"],
            &["a", "b"],
            &["b", "a"],
            &["ab", ""],
            &["", "ab"],
            &["\0\0\0\0\0\0\0\u{1}a"],
        ];
        let keys: HashSet<_> = lists.iter().map(|parts| QuotaKey::of(parts)).collect();
        assert_eq!(keys.len(), lists.len());
        assert_eq!(QuotaKey::of(&["a", "b"]), QuotaKey::of(&["a", "b"]));
    }

    #[test]
    fn h2_a_key_shows_nothing_of_whom_it_belongs_to() {
        let shown = format!("{:?}", QuotaKey::of(&["subject", "anna@example.com"]));
        assert_eq!(shown.len(), "QuotaKey()".len() + 32);
        assert!(!shown.contains("anna"));
    }
}
