//! Which servers hold the shared state: one, a cluster, or the master that sentinels watch.

use std::fmt;

use oauthgate_core::SettingError;

use super::RedisAddress;

/// More addresses than anybody needs to find a cluster or the sentinels.
const MOST_ADDRESSES: usize = 32;
const LONGEST_NAME: usize = 128;

/// Which servers hold the shared state. Shown without users and passwords.
#[derive(Clone)]
pub struct RedisServers(pub(super) Layout);

#[derive(Clone)]
pub(super) enum Layout {
    One(RedisAddress),
    /// Some of the servers; they know the others.
    Cluster(Vec<RedisAddress>),
    Sentinels {
        sentinels: Vec<RedisAddress>,
        name: String,
        /// How the master is reached; its address is the sentinels' to say.
        master: RedisAddress,
    },
}

impl RedisServers {
    /// One server.
    #[must_use]
    pub fn one(address: RedisAddress) -> Self {
        Self(Layout::One(address))
    }

    /// A cluster, of which these are some servers: one is enough to find the others, and more are found when
    /// that one is away. All servers of the cluster are reached like these: over TLS or not, with the same
    /// user, password and authorities.
    ///
    /// # Errors
    /// No address or too many, addresses that differ in more than host and port, another database than 0.
    pub fn cluster(addresses: Vec<RedisAddress>) -> Result<Self, SettingError> {
        let first = is_few(&addresses)?;
        if first.database() != 0 {
            return Err(mistake(
                "a cluster has no databases but 0",
                "no path in the URL",
            ));
        }
        if addresses.iter().any(|other| !other.is_reached_like(first)) {
            return Err(mistake(
                "the servers of a cluster are all reached alike",
                "the same scheme, user and password in each URL",
            ));
        }
        Ok(Self(Layout::Cluster(addresses)))
    }

    /// The master of this name, wherever these sentinels say that it is. It is reached like `master`, whose
    /// host and port are not used.
    ///
    /// # Errors
    /// No sentinel or too many, a sentinel's URL with a database, a name that no master can have.
    pub fn sentinels(
        sentinels: Vec<RedisAddress>,
        name: &str,
        master: RedisAddress,
    ) -> Result<Self, SettingError> {
        is_few(&sentinels)?;
        if sentinels.iter().any(|sentinel| sentinel.database() != 0) {
            return Err(mistake(
                "a sentinel has no databases",
                "no path in the URL of a sentinel",
            ));
        }
        Self::master_name(name)?;
        Ok(Self(Layout::Sentinels {
            sentinels,
            name: name.to_owned(),
            master,
        }))
    }

    /// Whether sentinels can know a master by this name.
    ///
    /// # Errors
    /// They cannot.
    pub fn master_name(name: &str) -> Result<(), SettingError> {
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_sign) {
            return Ok(());
        }
        Err(mistake(
            "no master can have this name",
            "the name in the sentinels' configuration, for example mymaster",
        ))
    }

    /// Every address that is given, of servers and sentinels. The address of a master that sentinels know
    /// has no part in it.
    #[must_use]
    pub fn addresses(&self) -> &[RedisAddress] {
        match &self.0 {
            Layout::One(address) => std::slice::from_ref(address),
            Layout::Cluster(addresses) => addresses,
            Layout::Sentinels { sentinels, .. } => sentinels,
        }
    }

    /// `single`, `cluster` or `sentinel`.
    #[must_use]
    pub fn mode(&self) -> &'static str {
        match &self.0 {
            Layout::One(_) => "single",
            Layout::Cluster(_) => "cluster",
            Layout::Sentinels { .. } => "sentinel",
        }
    }
}

impl From<RedisAddress> for RedisServers {
    fn from(address: RedisAddress) -> Self {
        Self::one(address)
    }
}

fn is_few(addresses: &[RedisAddress]) -> Result<&RedisAddress, SettingError> {
    let expected = "one to 32 URLs, separated by blanks or commas";
    match addresses {
        [] => Err(mistake("no server is named", expected)),
        [first, ..] if addresses.len() <= MOST_ADDRESSES => Ok(first),
        _ => Err(mistake("these are too many servers", expected)),
    }
}

fn mistake(problem: &str, expected: &str) -> SettingError {
    SettingError::new(problem, expected)
}

impl fmt::Display for RedisServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Layout::Sentinels { name, .. } = &self.0 {
            write!(f, "master {name} of ")?;
        }
        for (number, address) in self.addresses().iter().enumerate() {
            let separator = if number == 0 { "" } else { " " };
            write!(f, "{separator}{address}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for RedisServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisServers({}, {self})", self.mode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<RedisAddress> {
        let parsed = texts.iter().map(|text| RedisAddress::parse(text).unwrap());
        parsed.collect()
    }

    #[test]
    fn servers_of_a_cluster_are_reached_alike() {
        let cluster = |texts: &[&str]| RedisServers::cluster(addresses(texts));
        let good = cluster(&["rediss://me:s3cret@a:1", "rediss://me:s3cret@b"]).unwrap();
        assert_eq!(
            format!("{good:?}"),
            "RedisServers(cluster, rediss://a:1/0 rediss://b:6379/0)"
        );
        for mistaken in [
            &["redis://a", "rediss://a"][..],
            &["redis://:s3cret@a", "redis://:other@a"],
            &["redis://:s3cret@a", "redis://a"],
            &["redis://me:s3cret@a", "redis://you:s3cret@a"],
            &["redis://:s3cret@a/1"],
            &["redis://:s3cret@a", "redis://:s3cret@a/1"],
            &["redis://a"; 33],
            &[],
        ] {
            let error = cluster(mistaken).unwrap_err();
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn a_master_has_a_name_and_sentinels_that_know_it() {
        let master = || RedisAddress::parse("rediss://me:s3cret@ignored/3").unwrap();
        let sentinels =
            |texts: &[&str], name: &str| RedisServers::sentinels(addresses(texts), name, master());
        let good = sentinels(
            &["redis://:s3cret@a:26379", "redis://b:26379"],
            "my-master.1_x",
        );
        assert_eq!(
            format!("{:?}", good.unwrap()),
            "RedisServers(sentinel, master my-master.1_x of redis://a:26379/0 redis://b:26379/0)"
        );
        let long = "x".repeat(129);
        for name in ["", " ", "a b", "a\r\nFLUSHALL", "ö", "*", &long] {
            assert!(sentinels(&["redis://a"], name).is_err(), "{name:?}");
        }
        assert!(sentinels(&[], "m").is_err());
        assert!(sentinels(&["redis://a/1"], "m").is_err());
    }
}
