//! How a command reaches the gate that runs on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use oauthgate_remote::ConfigurationError;
use secrecy::SecretString;

use super::{
    env::{Environment, variable},
    given::Mistakes,
    reader::Reader,
    section::Section,
    values,
};

/// Where the admin listener is, and what it demands.
#[derive(Debug, Clone)]
pub struct AdminAccess {
    /// Its address, as a client of this machine reaches it.
    pub address: SocketAddr,
    /// What a call that changes something carries.
    pub token: Option<SecretString>,
}

impl AdminAccess {
    /// What `OAUTHGATE_ADMIN_LISTEN` and `OAUTHGATE_ADMIN_TOKEN` say. Other settings are not looked at: a
    /// mistake in one of them is no reason to keep a leaked key.
    ///
    /// # Errors
    /// The mistakes in these two.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigurationError> {
        let mut mistakes = Mistakes::default();
        let mut section = Section::default();
        for variable in ["admin_listen", "admin_token"]
            .into_iter()
            .filter_map(variable)
        {
            if let Some(given) = environment.read(variable, &mut mistakes) {
                section.overlay(variable.key, given);
            }
        }
        let mut reader = Reader {
            section: &section,
            prefix: String::new(),
            environment: Some(environment),
            mistakes: &mut mistakes,
            effective: &mut Vec::new(),
        };
        let listen = reader.one("admin_listen", values::listen_address);
        let token = reader.one("admin_token", values::admin_token);
        match listen {
            Some(listen) if mistakes.is_empty() => Ok(Self {
                address: SocketAddr::new(reached(listen.ip()), listen.port()),
                token,
            }),
            _ => Err(mistakes.into_error()),
        }
    }
}

/// Who listens on every address is reached on loopback.
fn reached(listener: IpAddr) -> IpAddr {
    match listener {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use secrecy::ExposeSecret;

    use super::*;

    fn access(variables: &[(&str, &str)]) -> Result<AdminAccess, ConfigurationError> {
        AdminAccess::from_environment(&Environment::of(variables.iter().copied()))
    }

    #[rstest]
    #[case("127.0.0.1:1", "127.0.0.1:1")]
    #[case("0.0.0.0:2", "127.0.0.1:2")]
    #[case("[::]:3", "[::1]:3")]
    #[case("10.0.0.1:4", "10.0.0.1:4")]
    fn a_gate_is_reached_where_it_listens(#[case] listen: &str, #[case] reached: &str) {
        let access = access(&[("OAUTHGATE_ADMIN_LISTEN", listen)]).unwrap();
        assert_eq!(access.address.to_string(), reached);
        assert!(access.token.is_none());
    }

    #[test]
    fn a_mistake_elsewhere_does_not_stand_in_the_way() {
        let token = ("OAUTHGATE_ADMIN_TOKEN", "a-token-of-16-bytes");
        let access = access(&[("OAUTHGATE_LISTEN", "nonsense"), token]).unwrap();
        assert_eq!(access.address.to_string(), "127.0.0.1:9090");
        let told = access.token.unwrap();
        assert_eq!(told.expose_secret(), "a-token-of-16-bytes");
    }

    #[test]
    fn h2_a_token_with_a_mistake_is_not_shown() {
        let error = access(&[("OAUTHGATE_ADMIN_TOKEN", "short-s3cret")]).unwrap_err();
        let report = error.to_string();
        assert!(report.contains("OAUTHGATE_ADMIN_TOKEN"), "{report}");
        assert!(!report.contains("s3cret"), "{report}");
    }
}
