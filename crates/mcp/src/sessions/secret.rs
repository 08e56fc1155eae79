//! The secret under session ids: the only caller of the crypto backend in this crate.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use oauthgate_core::SettingError;

const EXPECTED: &str =
    "at least 32 bytes that nobody can guess, for example what `openssl rand -base64 48` prints";
/// A text of fewer different bytes was not drawn at random.
const FEWEST_DIFFERENT: usize = 8;

/// What session ids are bound with (RFC 2104). Whoever knows it can make ids for any caller; replicas that
/// share it know each other's sessions. `Debug` never shows it.
#[derive(Clone)]
pub struct SessionSecret {
    key: hmac::Key,
}

impl SessionSecret {
    /// How long a secret must be at least, in bytes: as long as the hash (RFC 2104 §3).
    pub const SHORTEST: usize = 32;

    /// The secret as its bytes.
    ///
    /// ```
    /// use oauthgate_mcp::SessionSecret;
    ///
    /// assert!(SessionSecret::new(b"short").is_err());
    /// assert!(SessionSecret::new(&[b'a'; 64]).is_err());
    /// assert!(SessionSecret::new(SessionSecret::generate()?.as_bytes()).is_ok());
    /// # Ok::<(), oauthgate_core::SettingError>(())
    /// ```
    ///
    /// # Errors
    /// When it is shorter than [`Self::SHORTEST`] or can be guessed.
    pub fn new(secret: &[u8]) -> Result<Self, SettingError> {
        let mut different = secret.to_vec();
        different.sort_unstable();
        different.dedup();
        long_enough(secret)?;
        if different.len() < FEWEST_DIFFERENT {
            let problem = "the secret can be guessed: it repeats a few characters";
            return Err(SettingError::new(problem, EXPECTED));
        }
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
        })
    }

    /// A secret out of another one, which replicas share for something else and which this one does not betray.
    ///
    /// # Errors
    /// When the other one is shorter than [`Self::SHORTEST`].
    pub fn derived_from(secret: &[u8]) -> Result<Self, SettingError> {
        long_enough(secret)?;
        let parent = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = hmac::sign(&parent, b"oauthgate sessions of MCP servers");
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
        })
    }

    /// A secret that ends with this value: sessions end with it.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> Result<Self, SettingError> {
        Self::new(Self::generate()?.as_bytes())
    }

    /// The text of a new secret, to be kept: 256 random bits as 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<String, SettingError> {
        let mut bytes = [0; Self::SHORTEST];
        // The system's own: aws-lc's generator first measures the processor's jitter, 25 ms of every start.
        getrandom::fill(&mut bytes)
            .map_err(|_| SettingError::new("the system has no random numbers", EXPECTED))?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Begins a code. Codes of different purposes never agree.
    pub(super) fn code_for(&self, purpose: &str) -> Coding {
        Coding(hmac::Context::with_key(&self.key)).field(purpose.as_bytes())
    }
}

fn long_enough(secret: &[u8]) -> Result<(), SettingError> {
    if secret.len() < SessionSecret::SHORTEST {
        let problem = format!("the secret has {} bytes", secret.len());
        return Err(SettingError::new(problem, EXPECTED));
    }
    Ok(())
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(redacted)")
    }
}

/// A code that is being computed, field by field. Every field stands behind its length, so that no two
/// different lists of fields are the same bytes.
#[derive(Clone)]
pub(super) struct Coding(hmac::Context);

impl Coding {
    pub(super) fn field(mut self, field: &[u8]) -> Self {
        self.0.update(&(field.len() as u64).to_be_bytes());
        self.0.update(field);
        self
    }

    /// A field that may be absent, which is not the same as empty.
    pub(super) fn optional(self, field: Option<&str>) -> Self {
        match field {
            None => self.field(&[0]),
            Some(field) => self.field(&[1]).field(field.as_bytes()),
        }
    }

    pub(super) fn code(self) -> Code {
        let mut code = [0; Code::LENGTH];
        let whole = self.0.sign();
        code.iter_mut()
            .zip(whole.as_ref())
            .for_each(|(ours, computed)| *ours = *computed);
        Code(code)
    }
}

/// An HMAC-SHA-256, cut to 128 bits (RFC 2104 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Code([u8; Code::LENGTH]);

impl Code {
    pub(super) const LENGTH: usize = 16;

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compared in constant time: for codes that a stranger sends.
    pub(super) fn proves(self, expected: Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &expected.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> SessionSecret {
        SessionSecret::new(b"Ee1c9Jm0wq2VtYp4rKd7uSbXzLhNfGa3").unwrap()
    }

    #[test]
    fn fields_are_told_apart_however_they_are_cut() {
        let code = |fields: &[&[u8]]| {
            let begun = secret().code_for("test");
            let fields = fields.iter();
            fields.fold(begun, |code, field| code.field(field)).code()
        };
        let codes = [
            code(&[b"ab", b"c"]),
            code(&[b"a", b"bc"]),
            code(&[b"abc"]),
            code(&[b"abc", b""]),
            code(&[b"", b"abc"]),
        ];
        for (position, one) in codes.iter().enumerate() {
            assert!(codes.iter().skip(position + 1).all(|other| one != other));
        }
    }

    #[test]
    fn an_absent_field_is_not_an_empty_one() {
        let code = |field| secret().code_for("test").optional(field).code();
        assert_ne!(code(None), code(Some("")));
    }

    #[test]
    fn a_derived_secret_is_its_own_and_the_same_each_time() {
        let parent = b"Ee1c9Jm0wq2VtYp4rKd7uSbXzLhNfGa3";
        let code = |secret: SessionSecret| secret.code_for("a").code();
        let derived = || code(SessionSecret::derived_from(parent).unwrap());
        assert_eq!(derived(), derived());
        assert_ne!(derived(), code(secret()));
        assert!(SessionSecret::derived_from(&parent[1..]).is_err());
    }

    #[test]
    fn purposes_and_secrets_do_not_mix() {
        let other = SessionSecret::random().unwrap();
        let code = |secret: &SessionSecret, purpose| secret.code_for(purpose).code();
        assert_ne!(code(&secret(), "a"), code(&secret(), "b"));
        assert_ne!(code(&secret(), "a"), code(&other, "a"));
        assert!(code(&secret(), "a").proves(code(&secret(), "a")));
    }

    #[test]
    fn the_code_is_hmac_sha_256_cut_to_128_bits() {
        // printf '\0\0\0\0\0\0\0\4test' | openssl dgst -sha256 -mac HMAC -macopt key:Ee1c9Jm0wq2VtYp4rKd7uSbXzLhNfGa3
        let hexadecimal: String = secret()
            .code_for("test")
            .code()
            .0
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(hexadecimal, "df168b06018059520697ef4ac15ad86a");
    }

    #[test]
    fn h2_a_short_secret_is_refused_and_none_is_shown() {
        let error = SessionSecret::new(&[7; 31]).unwrap_err();
        assert!(error.problem.contains("31 bytes"));
        assert_eq!(format!("{:?}", secret()), "SessionSecret(redacted)");
    }
}
