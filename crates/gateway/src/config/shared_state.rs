//! What replicas share, and where.

#[cfg(feature = "redis")]
pub use self::with::SharedState;
#[cfg(feature = "redis")]
pub(super) use self::with::read;
#[cfg(not(feature = "redis"))]
pub use self::without::SharedState;
#[cfg(not(feature = "redis"))]
pub(super) use self::without::read;

#[cfg(feature = "redis")]
mod with {
    use std::{fs, net::IpAddr, sync::Arc};

    use oauthgate_core::SettingError;
    use oauthgate_mcp::SessionSecret;
    use oauthgate_remote::{
        jwks::Seal,
        outbound::CertificateAuthorities,
        state::{
            SharedKeys,
            redis::{RedisAddress, RedisKeys},
        },
    };
    use secrecy::{ExposeSecret, SecretString};

    use crate::config::{file::setting, reader::Reader};

    /// What replicas share, and where.
    #[derive(Debug, Clone)]
    pub struct SharedState {
        address: RedisAddress,
        secret: SecretString,
    }

    impl SharedState {
        /// The shared state in this Redis, sealed with this secret of at least 32 bytes.
        #[must_use]
        pub fn new(address: RedisAddress, secret: SecretString) -> Self {
            Self { address, secret }
        }

        /// This replica's part in it.
        ///
        /// # Errors
        /// A secret that is too short.
        pub fn keys(&self) -> Result<Arc<dyn SharedKeys>, SettingError> {
            let secret = self.secret.expose_secret().as_bytes();
            RedisKeys::new(self.address.clone(), secret)
                .map(|keys| Arc::new(keys) as Arc<dyn SharedKeys>)
        }

        /// What all replicas bind MCP sessions with, unless they are given a secret for that.
        ///
        /// # Errors
        /// A secret that is too short, or that can be guessed.
        pub fn session_secret(&self) -> Result<SessionSecret, SettingError> {
            SessionSecret::derived_from(self.secret.expose_secret().as_bytes())
        }

        pub(in crate::config) fn warning(&self) -> Option<String> {
            let host = self.address.host();
            let stays_here = host == "localhost"
                || host
                    .parse::<IpAddr>()
                    .is_ok_and(|address| address.is_loopback());
            let is_readable =
                self.address.has_password() && !self.address.is_encrypted() && !stays_here;
            is_readable.then(|| {
                format!(
                    "the password of {} crosses the network in the clear: rediss:// encrypts it",
                    self.address
                )
            })
        }
    }

    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<SharedState> {
        let is_given = |key| reader.section.values.contains_key(key);
        if !is_given("redis_url") {
            let useless = ["state_secret", "redis_ca_file"]
                .into_iter()
                .filter(|key| is_given(key));
            for key in useless.collect::<Vec<_>>() {
                refuse_alone(reader, key);
            }
            return None;
        }
        if !is_given("state_secret") {
            reader.mistakes.add(
                setting("state_secret").name,
                None,
                "required with OAUTHGATE_REDIS_URL and not set: whoever can write to Redis could plant keys",
                setting("state_secret").expected,
            );
        }
        let address = reader.one("redis_url", RedisAddress::parse);
        let secret = reader.one("state_secret", |text| {
            Seal::secret(text.as_bytes()).map(|_| SecretString::from(text))
        });
        let address = if reader.section.values.contains_key("redis_ca_file") {
            let read = |path: &str| checked_by(address, path);
            reader.one("redis_ca_file", read).flatten()
        } else {
            address
        };
        Some(SharedState::new(address?, secret?))
    }

    /// Without an address the file is looked at all the same: all mistakes are told at once.
    fn checked_by(
        address: Option<RedisAddress>,
        path: &str,
    ) -> Result<Option<RedisAddress>, SettingError> {
        match address {
            Some(address) if address.is_encrypted() => {
                address.with_authorities(pem(path)?).map(Some)
            }
            Some(address) => address.with_authorities(Vec::new()).map(Some),
            None => pem(path).map(|_| None),
        }
    }

    fn refuse_alone(reader: &mut Reader<'_>, key: &'static str) {
        reader.mistakes.add(
            setting(key).name,
            None,
            "nothing is shared without OAUTHGATE_REDIS_URL",
            "OAUTHGATE_REDIS_URL as well, or leave the setting out",
        );
    }

    /// The text of a file that is no device, not too large, and holds certificates.
    fn pem(path: &str) -> Result<Vec<u8>, SettingError> {
        CertificateAuthorities::from_file(path)?;
        fs::read(path).map_err(|error| {
            SettingError::new(
                format!("the file cannot be read: {error}"),
                setting("redis_ca_file").expected,
            )
        })
    }
}

#[cfg(not(feature = "redis"))]
mod without {
    use std::sync::Arc;

    use oauthgate_core::SettingError;
    use oauthgate_mcp::SessionSecret;
    use oauthgate_remote::state::SharedKeys;

    use crate::config::{file::setting, reader::Reader};

    /// This build shares nothing.
    #[derive(Debug, Clone)]
    pub enum SharedState {}

    impl SharedState {
        /// Never called: there is no such value.
        ///
        /// # Errors
        /// None.
        pub fn keys(&self) -> Result<Arc<dyn SharedKeys>, SettingError> {
            match *self {}
        }

        /// Never called: there is no such value.
        ///
        /// # Errors
        /// None.
        pub fn session_secret(&self) -> Result<SessionSecret, SettingError> {
            match *self {}
        }

        pub(in crate::config) fn warning(&self) -> Option<String> {
            match *self {}
        }
    }

    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<SharedState> {
        for key in ["redis_url", "state_secret", "redis_ca_file"] {
            if reader.section.values.contains_key(key) {
                reader.mistakes.add(
                    setting(key).name,
                    None,
                    "this build of oauthgate was made without Redis",
                    "a build with the feature `redis`, or leave the setting out",
                );
            }
        }
        None
    }
}
