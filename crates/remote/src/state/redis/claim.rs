//! Claims: short texts that say "I am at it", sealed, so that nobody but a replica can make one, and
//! dated, so that an old one is worth nothing.

use std::time::Duration;

use oauthgate_core::UnixTime;

use crate::jwks::Seal;

const PURPOSE: &str = "oauthgate claim, version 1";
/// How far the clocks of two replicas may be apart.
pub(super) const MOST_SKEW: Duration = Duration::from_secs(60);
/// Longer than any claim.
pub(super) const LONGEST: usize = 256;

/// What a replica writes to claim something: `1 <seconds> <nonce> <mark>`.
pub(super) fn make(seal: &Seal, key: &str, now: UnixTime, nonce: u64) -> String {
    let claimed = format!("1 {} {nonce:016x}", now.as_secs());
    let mark = seal.mark(PURPOSE, message(key, &claimed).as_bytes());
    format!("{claimed} {mark}")
}

/// Whether a replica wrote this under this key, about now.
pub(super) fn is_genuine(seal: &Seal, key: &str, now: UnixTime, text: &[u8]) -> bool {
    let Some((claimed, mark)) = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.rsplit_once(' '))
    else {
        return false;
    };
    let seconds = claimed
        .split(' ')
        .nth(1)
        .and_then(|seconds| seconds.parse().ok())
        .map(UnixTime::from_secs);
    let is_recent = seconds
        .is_some_and(|at: UnixTime| now.seconds_since(at).unsigned_abs() <= MOST_SKEW.as_secs());
    is_recent && seal.verifies(PURPOSE, message(key, claimed).as_bytes(), mark)
}

fn message(key: &str, claimed: &str) -> String {
    format!("{key}\n{claimed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn seal() -> Seal {
        Seal::secret(&[7; 32]).unwrap()
    }

    #[test]
    fn e9_only_a_recent_claim_of_a_replica_on_this_key_counts() {
        let made = make(&seal(), "key", NOW, 1);
        let genuine = |seal: &Seal, key: &str, after: i64, text: &str| {
            is_genuine(
                seal,
                key,
                UnixTime::from_secs(NOW.as_secs() + after),
                text.as_bytes(),
            )
        };
        assert!(made.len() < LONGEST);
        assert!(genuine(&seal(), "key", 0, &made));
        assert!(genuine(&seal(), "key", 60, &made));
        assert!(genuine(&seal(), "key", -60, &made));
        assert!(!genuine(&seal(), "key", 61, &made));
        assert!(!genuine(&seal(), "key", -61, &made));
        assert!(!genuine(&seal(), "other", 0, &made));
        assert!(!genuine(&Seal::secret(&[8; 32]).unwrap(), "key", 0, &made));
        for text in ["", " ", "1", "1 2 3 4", &made[1..], &made[..made.len() - 1]] {
            assert!(!genuine(&seal(), "key", 0, text), "{text:?}");
        }
        assert!(!is_genuine(&seal(), "key", NOW, &[0xff, b' ', 0xff]));
    }

    #[test]
    fn two_claims_differ() {
        assert_ne!(make(&seal(), "key", NOW, 1), make(&seal(), "key", NOW, 2));
    }
}
