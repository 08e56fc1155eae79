//! How the keys of one issuer are doing, for readiness, metrics and people.

use std::time::Duration;

/// How the keys of one issuer are doing, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The issuer.
    pub issuer: String,
    /// Usable keys held; 0 when none was ever loaded.
    pub keys: usize,
    /// Members of the set that are not used (encryption keys, unknown types, malformed, withdrawn keys).
    pub skipped: usize,
    /// How long ago the set was last confirmed by the issuer; `None` when none was ever loaded.
    pub age: Option<Duration>,
    /// Whether tokens can be verified: the set was loaded and has not outlived the stale limit, or none is
    /// needed; and the issuer is not suspended.
    pub servable: bool,
    /// Whether none is needed: a secret shared with the issuer verifies its tokens.
    pub optional: bool,
    /// For how long the set may still be used without another word from its issuer; `None` when none was
    /// ever loaded.
    pub remaining: Option<Duration>,
    /// Whether the set has outlived its life: its issuer could not be asked in time. It is served until the
    /// stale limit nevertheless.
    pub stale: bool,
    /// Whether the operator suspended the issuer.
    pub suspended: bool,
    /// The names (`kid` or thumbprint) of the keys that the operator withdrew, as `restore` wants them: whoever
    /// shows them to people escapes them.
    pub withdrawn: Vec<String>,
    /// Where the keys come from: the file or the URL that the operator named, or "metadata".
    pub place: String,
    /// The code of the last failure, if the last attempt failed.
    pub last_failure: Option<&'static str>,
    /// What the last failed attempt tried and what came back, for the operator.
    pub failure_detail: Option<String>,
    /// Fetches so far, successful or not.
    pub fetches: u64,
    /// Whether an attempt is under way.
    pub fetching: bool,
    /// How long until somebody may start the next attempt; zero while one is under way.
    pub next_attempt: Duration,
    /// How long until a token with an unknown `kid` may cause an attempt again; zero when one may.
    pub strangers_rest: Duration,
}

impl KeyStatus {
    /// Whether tokens of this issuer can be verified now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.servable
    }
}

/// What became of an operator's word on one issuer's keys. It holds in memory already.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ruled {
    /// The issuer.
    pub issuer: String,
    /// Whether a key of this name is among the issuer's keys as they are known now.
    pub held: bool,
    /// Whether a restart will remember it.
    pub saved: Saved,
}

/// Whether something outlives the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// It does.
    Saved,
    /// Nothing is configured to keep it.
    Nowhere,
    /// It could not be saved; why.
    Failed(String),
}

/// One key that is held and used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldKey {
    /// Its `kid`, if it has one.
    pub key_id: Option<String>,
    /// Its SHA-256 thumbprint (RFC 7638), base64url.
    pub thumbprint: String,
    /// What it verifies.
    pub algorithms: Vec<&'static str>,
}
