//! The seal under what leaves the process: the only caller of the crypto backend in this crate.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};
use oauthgate_core::SettingError;

/// How saved keys are protected on their way back to us.
#[derive(Clone)]
pub struct Seal(Kind);

#[derive(Clone)]
enum Kind {
    Digest,
    Secret(Box<hmac::Key>),
}

impl Seal {
    /// How long a secret must be at least, in bytes: as long as the seal (RFC 2104 §3).
    pub const SHORTEST_SECRET: usize = 32;

    /// SHA-256, which shows damage. Whoever can write can also seal: for files that only we can write.
    #[must_use]
    pub const fn digest() -> Self {
        Self(Kind::Digest)
    }

    /// HMAC-SHA-256 (RFC 2104), which also shows a foreign writer: for places that others can write to.
    ///
    /// # Errors
    /// When the secret is shorter than [`Self::SHORTEST_SECRET`].
    pub fn secret(secret: &[u8]) -> Result<Self, SettingError> {
        if secret.len() < Self::SHORTEST_SECRET {
            return Err(SettingError::new(
                format!("the secret has {} bytes", secret.len()),
                "at least 32 random bytes, for example from `openssl rand -hex 32`",
            ));
        }
        Ok(Self(Kind::Secret(Box::new(hmac::Key::new(
            hmac::HMAC_SHA256,
            secret,
        )))))
    }

    /// The name of the algorithm, as it is written beside the mark.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.0 {
            Kind::Digest => "sha256",
            Kind::Secret(_) => "hmac-sha256",
        }
    }

    /// The mark under a message: 64 lower-case hexadecimal digits. The purpose keeps a message from being
    /// used as another kind of message; it must not contain a line feed.
    #[must_use]
    pub fn mark(&self, purpose: &str, message: &[u8]) -> String {
        let parts = [purpose.as_bytes(), b"\n", message];
        match &self.0 {
            Kind::Digest => {
                let mut context = digest::Context::new(&digest::SHA256);
                parts.iter().for_each(|part| context.update(part));
                hexadecimal(context.finish().as_ref())
            }
            Kind::Secret(key) => {
                let mut context = hmac::Context::with_key(key);
                parts.iter().for_each(|part| context.update(part));
                hexadecimal(context.sign().as_ref())
            }
        }
    }

    /// Whether this is the mark under the message, compared in constant time.
    #[must_use]
    pub fn verifies(&self, purpose: &str, message: &[u8], mark: &str) -> bool {
        let expected = self.mark(purpose, message);
        constant_time::verify_slices_are_equal(expected.as_bytes(), mark.as_bytes()).is_ok()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

/// Shows the algorithm only.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"Ee1c9Jm0wq2VtYp4rKd7uSbXzLhNfGa3";

    #[test]
    fn e9_a_mark_holds_for_one_message_purpose_and_secret() {
        let seal = Seal::secret(SECRET).unwrap();
        let other = Seal::secret(b"another secret of thirty-two bytes").unwrap();
        let mark = seal.mark("keys", b"message");
        assert!(seal.verifies("keys", b"message", &mark));
        assert!(!seal.verifies("keys", b"messagf", &mark));
        assert!(!seal.verifies("withdrawals", b"message", &mark));
        assert!(!seal.verifies("keys\nm", b"essage", &mark));
        assert!(!seal.verifies("keys", b"message", &mark.to_uppercase()));
        assert!(!seal.verifies("keys", b"message", ""));
        assert!(!other.verifies("keys", b"message", &mark));
        assert!(!Seal::digest().verifies("keys", b"message", &mark));
        assert!(!seal.verifies("keys", b"message", &Seal::digest().mark("keys", b"message")));
    }

    #[test]
    fn the_digest_is_sha_256() {
        // printf 'a\nbc' | sha256sum
        assert_eq!(
            Seal::digest().mark("a", b"bc"),
            "b4c620724d95022be9765d6f660a36f90835acab2437b5e8cd71812940b29346"
        );
    }

    #[test]
    fn a_short_secret_is_refused_and_no_secret_is_shown() {
        let error = Seal::secret(&SECRET[..31]).unwrap_err();
        assert!(error.problem.contains("31 bytes"));
        let shown = format!("{:?}", Seal::secret(SECRET).unwrap());
        assert_eq!(shown, "Seal(hmac-sha256)");
    }
}
