//! What things are called in Redis. Names end in hexadecimal digits: no text of an issuer, of a
//! configuration or of a token ever stands in a command.

use oauthgate_core::Issuer;

use crate::{jwks::Seal, state::quotas::QuotaKey};

/// Everything of ours begins with it; the number is that of the layout.
const PREFIX: &str = "oauthgate:1";

/// The names that belong to the keys of one issuer from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// The last sealed set of keys.
    pub(super) keys: String,
    /// Held by whoever asks the issuer now.
    pub(super) lease: String,
    /// Stands while strangers may not cause another fetch.
    pub(super) strangers: String,
}

impl Names {
    pub(super) fn of(issuer: &Issuer, place: &str) -> Self {
        let digest = digest_of(issuer, place);
        Self {
            keys: called("keys", &digest),
            lease: called("lease", &digest),
            strangers: called("strangers", &digest),
        }
    }
}

/// The sealed withdrawals, which hold for an issuer wherever its keys come from.
pub(super) fn withdrawn(issuer: &Issuer) -> String {
    called("withdrawn", &digest_of(issuer, ""))
}

/// The count of one quota. What it belongs to is hidden from Redis by the replicas' secret: the texts behind
/// a [`QuotaKey`] may be few enough to be guessed.
pub(super) fn quota(seal: &Seal, key: &QuotaKey) -> String {
    let mark = seal.mark("oauthgate name of a quota", key.as_bytes());
    called("quota", mark.get(..32).unwrap_or(&mark))
}

/// A key that only this replica writes.
pub(super) fn probe(replica: u64) -> String {
    called("probe", &format!("{replica:016x}"))
}

fn called(what: &str, digest: &str) -> String {
    format!("{PREFIX}:{what}:{digest}")
}

/// The length keeps an issuer and a place apart that would run into each other.
fn digest_of(issuer: &Issuer, place: &str) -> String {
    let issuer = issuer.as_str();
    let message = format!("{}:{issuer}{place}", issuer.len());
    Seal::digest().mark("oauthgate name in the shared state", message.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all(issuer: &str, place: &str) -> [String; 4] {
        let issuer = Issuer::new(issuer).unwrap();
        let names = Names::of(&issuer, place);
        [names.keys, names.lease, names.strangers, withdrawn(&issuer)]
    }

    #[test]
    fn e8_no_text_of_an_issuer_or_a_place_is_part_of_a_name() {
        let long = "x".repeat(60_000);
        let odd = [
            "https://a.example/\r\nFLUSHALL\r\n",
            "https://a.example/ * ",
            "%s%n{tag}[a-z]*?",
            "\0",
            "ö",
            &long,
        ];
        for text in odd {
            // An issuer cannot hold a blank or a control character; a place could.
            let fit = |c: &char| !c.is_whitespace() && !c.is_control();
            let issuer: String = ['x'].into_iter().chain(text.chars().filter(fit)).collect();
            for name in all(&issuer, text) {
                let (head, digest) = name.rsplit_once(':').unwrap();
                assert!(head.starts_with("oauthgate:1:"), "{name:?}");
                assert_eq!(digest.len(), 64);
                assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
            }
        }
    }

    #[test]
    fn e8_a_quota_has_a_name_that_only_replicas_can_tell() {
        let seal = |byte| Seal::secret(&[byte; 32]).unwrap();
        let key = QuotaKey::of(&["subject", "anna"]);
        let name = quota(&seal(1), &key);
        let digits = name.strip_prefix("oauthgate:1:quota:").unwrap();
        assert_eq!(digits.len(), 32);
        assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(name, quota(&seal(1), &key));
        assert_ne!(name, quota(&seal(2), &key));
        assert_ne!(name, quota(&seal(1), &QuotaKey::of(&["subject", "ben"])));
    }

    #[test]
    fn every_issuer_place_and_purpose_has_a_name_of_its_own() {
        let pairs = [
            ("a", "bc"),
            ("ab", "c"),
            ("abc", ""),
            ("a", ""),
            ("A", ""),
            ("1:a", ""),
        ];
        let names: BTreeSet<_> = pairs
            .iter()
            .flat_map(|(issuer, place)| all(issuer, place))
            .collect();
        // Four issuers of five share their withdrawals with none; `a` occurs twice.
        assert_eq!(names.len(), pairs.len() * 3 + 5);
    }
}
