//! Proof Key for Code Exchange (RFC 7636), `S256` only.

use crate::crypto::{base64url, same_secret, sha256};

/// Looks like a SHA-256 in base64url.
pub(crate) fn is_challenge(value: &str) -> bool {
    value.len() == 43
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// RFC 7636 §4.6.
pub(super) fn proves(verifier: &str, challenge: &str) -> bool {
    is_verifier(verifier) && same_secret(&base64url(&sha256(verifier.as_bytes())), challenge)
}

/// RFC 7636 §4.1: 43 to 128 unreserved characters.
fn is_verifier(value: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&value.len()) && value.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn proves_the_example_of_the_rfc() {
        assert!(is_challenge(CHALLENGE));
        assert!(proves(VERIFIER, CHALLENGE));
    }

    #[test]
    fn refuses_other_verifiers_and_the_plain_method() {
        let other = VERIFIER.replace('d', "e");
        for bad in [other.as_str(), CHALLENGE, "", "short"] {
            assert!(!proves(bad, CHALLENGE), "{bad}");
        }
    }

    #[test]
    fn refuses_a_verifier_that_is_too_short_or_too_long_even_if_its_digest_matches() {
        for verifier in [
            "x".repeat(42),
            "x".repeat(129),
            format!("{}é", "x".repeat(43)),
        ] {
            let challenge = base64url(&sha256(verifier.as_bytes()));
            assert!(!proves(&verifier, &challenge), "{verifier}");
        }
    }
}
