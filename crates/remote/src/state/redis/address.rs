//! Where the shared state lives.

use std::fmt;

use oauthgate_core::SettingError;
use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use url::Url;

use crate::outbound::CertificateAuthorities;

/// `redis://[user:password@]host[:port][/database]`; `rediss://` is the same over TLS. Shown without
/// user and password.
#[derive(Clone)]
pub struct RedisAddress {
    host: String,
    port: u16,
    is_encrypted: bool,
    login: RedisConnectionInfo,
    /// What the server is checked against instead of the machine's authorities.
    authorities: Option<CertificateAuthorities>,
}

impl RedisAddress {
    /// Reads a URL strictly: what the client library would take as an option that weakens TLS is a mistake.
    ///
    /// # Errors
    /// No such URL. The message holds nothing of it.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let mut url = Url::parse(text).map_err(|error| mistake(format!("no URL: {error}")))?;
        if !matches!(url.scheme(), "redis" | "rediss") {
            return Err(mistake("the URL is not redis or rediss"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(mistake("the URL has a query or a fragment"));
        }
        if !is_database(url.path()) {
            return Err(mistake("the path is not the number of a database"));
        }
        let nameless = || mistake("the URL names no server");
        let is_encrypted = url.scheme() == "rediss";
        // The library reads the rest; TLS is ours.
        url.set_scheme("redis").map_err(|()| nameless())?;
        let connection = url.into_connection_info().map_err(|_| nameless())?;
        let ConnectionAddr::Tcp(host, port) = connection.addr() else {
            return Err(nameless());
        };
        Ok(Self {
            host: host.clone(),
            port: *port,
            is_encrypted,
            login: connection.redis_settings().clone(),
            authorities: None,
        })
    }

    /// Whether everything is encrypted on its way, the password included.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Whether the server is asked for by name and password, or password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.login.password().is_some()
    }

    /// The host, without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The number of the database.
    #[must_use]
    pub fn database(&self) -> i64 {
        self.login.db()
    }

    /// Checks the server's certificate against these certificate authorities (PEM) and no others.
    ///
    /// # Errors
    /// No certificate in the text, or an address without TLS.
    pub fn with_authorities(mut self, pem: &[u8]) -> Result<Self, SettingError> {
        if !self.is_encrypted {
            return Err(SettingError::new(
                "the address is not encrypted, so there is no certificate to check",
                "rediss:// instead of redis://",
            ));
        }
        self.authorities = Some(CertificateAuthorities::from_pem(pem)?);
        Ok(self)
    }

    /// Another server, reached in the same way.
    pub(super) fn at(&self, host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            ..self.clone()
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn authorities(&self) -> Option<&CertificateAuthorities> {
        self.authorities.as_ref()
    }

    /// Who we are to the server, and which database we mean.
    pub(super) fn redis_settings(&self) -> &RedisConnectionInfo {
        &self.login
    }

    /// Whether two servers are logged in at in the same way, and are as well encrypted.
    pub(super) fn is_reached_like(&self, other: &Self) -> bool {
        self.is_encrypted == other.is_encrypted
            && self.login.username() == other.login.username()
            && self.login.password() == other.login.password()
            && self.login.db() == other.login.db()
    }
}

fn is_database(path: &str) -> bool {
    let number = path.strip_prefix('/').unwrap_or(path);
    number.len() <= 5 && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn mistake(problem: impl Into<String>) -> SettingError {
    SettingError::new(
        problem,
        "for example redis://127.0.0.1:6379, or rediss://user:password@redis.internal:6379/0",
    )
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted() {
            "rediss"
        } else {
            "redis"
        };
        let (port, database) = (self.port, self.database());
        if self.host().contains(':') {
            write!(f, "{scheme}://[{}]:{port}/{database}", self.host())
        } else {
            write!(f, "{scheme}://{}:{port}/{database}", self.host())
        }
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_user_and_password() {
        for (text, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379/0"),
            ("redis://127.0.0.1:7000/3", "redis://127.0.0.1:7000/3"),
            (
                "rediss://me:s3cret@redis.internal",
                "rediss://redis.internal:6379/0",
            ),
            ("redis://:s3cret@[::1]:7/", "redis://[::1]:7/0"),
        ] {
            let address = RedisAddress::parse(text).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("RedisAddress({shown})"));
            assert_eq!(address.has_password(), text.contains("s3cret"));
        }
    }

    #[test]
    fn h2_a_mistake_in_an_address_tells_nothing_of_it() {
        for text in [
            "http://s3cret@host",
            "s3cret",
            "redis://me:s3cret@",
            "redis://me:s3cret@host/x",
            "redis://me:s3cret@host/123456",
            "rediss://me:s3cret@host/#insecure",
            "rediss://me:s3cret@host/?protocol=resp3",
            "redis+unix:///tmp/s3cret",
            "redis://me:s3cret@0.0.0.0",
            "redis://me:s3cret@host:99999",
        ] {
            let error = RedisAddress::parse(text).unwrap_err();
            assert!(
                !format!("{error:?}").contains("s3cret"),
                "{text}: {error:?}"
            );
        }
    }
}
