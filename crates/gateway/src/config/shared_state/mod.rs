//! What replicas share, and where.

#[cfg(feature = "redis")]
mod redis;
#[cfg(not(feature = "redis"))]
mod without;

#[cfg(feature = "redis")]
pub use self::redis::SharedState;
#[cfg(feature = "redis")]
pub(super) use self::redis::read;
#[cfg(not(feature = "redis"))]
pub use self::without::SharedState;
#[cfg(not(feature = "redis"))]
pub(super) use self::without::read;

/// Every setting that says something about it.
const SETTINGS: [&str; 9] = [
    "redis_url",
    "redis_cluster",
    "redis_sentinels",
    "redis_sentinel_master",
    "redis_ca_file",
    "redis_timeout",
    "redis_limits",
    "redis_local_share",
    "state_secret",
];
