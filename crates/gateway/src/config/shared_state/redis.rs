//! What replicas share through Redis.

use std::{fs, net::IpAddr, sync::Arc, time::Duration};

use oauthgate_core::SettingError;
use oauthgate_mcp::SessionSecret;
use oauthgate_remote::{
    jwks::Seal,
    outbound::CertificateAuthorities,
    state::{
        self,
        quotas::LocalQuotas,
        redis::{QuotaSettings, RedisAddress, RedisServers, RedisState, WhenAway},
    },
};
use secrecy::{ExposeSecret, SecretString};

use super::SETTINGS;
use crate::config::{file::setting, reader::Reader, values};

/// What replicas share, and where.
#[derive(Debug, Clone)]
pub struct SharedState {
    servers: RedisServers,
    secret: SecretString,
    quotas: QuotaSettings,
    /// Whose password would cross the network in the clear.
    exposed: Option<String>,
}

impl SharedState {
    /// The shared state in this Redis, sealed with this secret of at least 32 bytes.
    #[must_use]
    pub fn new(servers: impl Into<RedisServers>, secret: SecretString) -> Self {
        Self {
            servers: servers.into(),
            secret,
            quotas: QuotaSettings::default(),
            exposed: None,
        }
    }

    /// Counts quotas like this.
    #[must_use]
    pub fn with_quotas(mut self, quotas: QuotaSettings) -> Self {
        self.quotas = quotas;
        self
    }

    /// This replica's part in it. `local` counts along, and alone while Redis is away.
    ///
    /// # Errors
    /// A secret that is too short, and servers over TLS without authorities to check them against.
    pub fn open(
        &self,
        local: Arc<LocalQuotas>,
    ) -> Result<Arc<dyn state::SharedState>, SettingError> {
        let secret = self.secret.expose_secret().as_bytes();
        RedisState::new(self.servers.clone(), secret, local, self.quotas)
            .map(|state| Arc::new(state) as Arc<dyn state::SharedState>)
    }

    /// What all replicas bind MCP sessions with, unless they are given a secret for that.
    ///
    /// # Errors
    /// A secret that is too short, or that can be guessed.
    pub fn session_secret(&self) -> Result<SessionSecret, SettingError> {
        SessionSecret::derived_from(self.secret.expose_secret().as_bytes())
    }

    /// Whether a replica that is alone is to serve nobody who has a quota.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.quotas.when_away == WhenAway::Require
    }

    pub(in crate::config) fn warning(&self) -> Option<String> {
        self.exposed.as_ref().map(|server| {
            format!(
                "the password of {server} crosses the network in the clear: rediss:// encrypts it"
            )
        })
    }
}

/// What is known before all is put together.
struct Addresses {
    /// Of the server, of some servers of a cluster, or of the master that sentinels know.
    servers: Vec<RedisAddress>,
    sentinels: Vec<RedisAddress>,
}

pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<SharedState> {
    if !is_given(reader, "redis_url") {
        let others = SETTINGS.into_iter().filter(|key| is_given(reader, key));
        for key in others.collect::<Vec<_>>() {
            refuse(
                reader,
                key,
                "nothing is shared without OAUTHGATE_REDIS_URL",
                "OAUTHGATE_REDIS_URL as well, or leave the setting out",
            );
        }
        return None;
    }
    if !is_given(reader, "state_secret") {
        refuse(
            reader,
            "state_secret",
            "required with OAUTHGATE_REDIS_URL and not set: whoever can write to Redis could plant keys",
            setting("state_secret").expected,
        );
    }
    let servers = servers(reader);
    let secret = reader.one("state_secret", |text| {
        Seal::secret(text.as_bytes()).map(|_| SecretString::from(text))
    });
    let quotas = quotas(reader);
    let (servers, exposed) = servers?;
    let state = SharedState::new(servers, secret?).with_quotas(quotas?);
    Some(SharedState { exposed, ..state })
}

fn quotas(reader: &mut Reader<'_>) -> Option<QuotaSettings> {
    let timeout = reader.one("redis_timeout", |text| values::number(text, 1..=1_000));
    let requires = reader.one("redis_limits", |text| match text {
        "fallback" => Ok(false),
        "require" => Ok(true),
        _ => Err(SettingError::new(
            "no such behaviour",
            setting("redis_limits").expected,
        )),
    });
    let share = reader.one("redis_local_share", |text| values::number(text, 1..=100));
    if requires == Some(true) && is_given(reader, "redis_local_share") {
        refuse(
            reader,
            "redis_local_share",
            "with OAUTHGATE_REDIS_LIMITS=require no replica counts alone",
            "one of the two, not both",
        );
    }
    let share = u8::try_from(share?).ok()?;
    Some(QuotaSettings {
        timeout: Duration::from_millis(timeout?),
        when_away: if requires? {
            WhenAway::Require
        } else {
            WhenAway::Fallback { share }
        },
    })
}

/// The servers, and which of them hears a password that others hear too.
fn servers(reader: &mut Reader<'_>) -> Option<(RedisServers, Option<String>)> {
    let is_cluster = reader.one("redis_cluster", values::boolean);
    let has_sentinels = is_given(reader, "redis_sentinels");
    if is_cluster == Some(true) && has_sentinels {
        refuse(
            reader,
            "redis_cluster",
            "a cluster looks after itself and has no sentinels",
            "OAUTHGATE_REDIS_CLUSTER or OAUTHGATE_REDIS_SENTINELS, not both",
        );
    }
    let servers = if is_cluster == Some(true) {
        reader.many("redis_url", RedisAddress::parse)
    } else {
        let one = reader.one("redis_url", one_address);
        one.into_iter().collect()
    };
    let sentinels = reader.many("redis_sentinels", RedisAddress::parse);
    let name = master(reader, has_sentinels);
    let addresses = checked(reader, Addresses { servers, sentinels })?;
    let exposed = exposed(&addresses);
    let first = addresses.servers.first()?.clone();
    let servers = if is_cluster? {
        told(
            reader,
            "redis_url",
            RedisServers::cluster(addresses.servers),
        )
    } else if has_sentinels {
        let servers = RedisServers::sentinels(addresses.sentinels, &name?, first);
        told(reader, "redis_sentinels", servers)
    } else {
        Some(RedisServers::one(first))
    };
    Some((servers?, exposed))
}

/// The name of the master, which belongs to sentinels, as they to it.
fn master(reader: &mut Reader<'_>, has_sentinels: bool) -> Option<String> {
    let name = reader.one("redis_sentinel_master", |text| {
        RedisServers::master_name(text).map(|()| text.to_owned())
    });
    match (is_given(reader, "redis_sentinel_master"), has_sentinels) {
        (true, false) => refuse(
            reader,
            "redis_sentinel_master",
            "no sentinel is asked about it",
            "OAUTHGATE_REDIS_SENTINELS as well, or leave the setting out",
        ),
        (false, true) => refuse(
            reader,
            "redis_sentinel_master",
            "required with OAUTHGATE_REDIS_SENTINELS and not set",
            setting("redis_sentinel_master").expected,
        ),
        _ => {}
    }
    name
}

fn one_address(text: &str) -> Result<RedisAddress, SettingError> {
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let is_address = |word: &str| word.starts_with("redis://") || word.starts_with("rediss://");
    if text.contains([' ', ',']) && words.all(is_address) {
        return Err(SettingError::new(
            "these are several servers, which only a cluster has",
            "one URL, or OAUTHGATE_REDIS_CLUSTER=true",
        ));
    }
    RedisAddress::parse(text)
}

/// The addresses, whose servers are checked against the operator's authorities. Without an address the file
/// is looked at all the same: all mistakes are told at once.
fn checked(reader: &mut Reader<'_>, addresses: Addresses) -> Option<Addresses> {
    if !is_given(reader, "redis_ca_file") {
        return Some(addresses);
    }
    let read = |path: &str| {
        let Addresses { servers, sentinels } = &addresses;
        let mut all = servers.iter().chain(sentinels);
        if !servers.is_empty() && !all.any(RedisAddress::is_encrypted) {
            return Err(SettingError::new(
                "no address is encrypted, so there is no certificate to check",
                "rediss:// instead of redis://",
            ));
        }
        let pem = pem(path)?;
        let checked = |addresses: &[RedisAddress]| {
            let addresses = addresses.iter().cloned();
            let addresses = addresses.map(|address| match address.is_encrypted() {
                true => address.with_authorities(&pem),
                false => Ok(address),
            });
            addresses.collect::<Result<Vec<_>, _>>()
        };
        Ok(Addresses {
            servers: checked(servers)?,
            sentinels: checked(sentinels)?,
        })
    };
    reader.one("redis_ca_file", read)
}

/// The first that hears a password in the clear over a network.
fn exposed(addresses: &Addresses) -> Option<String> {
    let Addresses { servers, sentinels } = addresses;
    let is_open = |address: &&RedisAddress| address.has_password() && !address.is_encrypted();
    let leaves = |address: &&RedisAddress| !stays_here(address);
    let asked = if sentinels.is_empty() {
        servers
    } else {
        sentinels
    };
    if let Some(address) = asked.iter().filter(is_open).find(leaves) {
        return Some(address.to_string());
    }
    // Nobody knows where the master will be, but if the sentinels are here it is hardly elsewhere.
    let is_elsewhere = sentinels.iter().any(|sentinel| !stays_here(sentinel));
    let master = servers.iter().find(is_open).filter(|_| is_elsewhere);
    master.map(|_| "the master that the sentinels know".to_owned())
}

fn stays_here(address: &RedisAddress) -> bool {
    let host = address.host();
    let is_loopback = |address: IpAddr| address.is_loopback();
    host == "localhost" || host.parse().is_ok_and(is_loopback)
}

fn is_given(reader: &Reader<'_>, key: &str) -> bool {
    reader.section.values.contains_key(key)
}

fn refuse(reader: &mut Reader<'_>, key: &'static str, problem: &str, expected: &'static str) {
    reader
        .mistakes
        .add(setting(key).name, None, problem, expected);
}

/// The servers, or what is wrong between their addresses, without them.
fn told(
    reader: &mut Reader<'_>,
    key: &'static str,
    servers: Result<RedisServers, SettingError>,
) -> Option<RedisServers> {
    servers
        .map_err(|error| {
            let name = setting(key).name;
            reader
                .mistakes
                .add(name, None, error.problem, error.expected);
        })
        .ok()
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
