//! One limit.

use std::{collections::BTreeMap, fmt, num::NonZeroU32, sync::Arc};

use oauthgate_core::{SettingError, quota::Quota};

use super::By;

/// How many characters the name of a limit may have.
const LONGEST_NAME: usize = 64;

/// What callers may do in a time, and how many of their requests may be under way at once.
///
/// ```
/// use oauthgate_tower::quota::{By, Limit};
///
/// let limit = Limit::new("per-user", [By::Subject])?
///     .rate("60/min".parse()?)
///     .tier("pro", "600/min".parse()?);
/// # let _ = limit;
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Limit {
    pub(super) name: Arc<str>,
    pub(super) by: Vec<By>,
    pub(super) rate: Option<Quota>,
    pub(super) tiers: BTreeMap<String, Quota>,
    pub(super) tools: Option<Tools>,
    pub(super) in_flight: Option<NonZeroU32>,
    pub(super) streams: Option<NonZeroU32>,
}

/// Whether a limit is about a tool.
type Tools = Arc<dyn Fn(&str) -> bool + Send + Sync>;

impl Limit {
    /// A limit that limits nothing yet. Each key of `by` has a count of its own; without any, all callers of
    /// the resource share one.
    ///
    /// # Errors
    /// When the name is not made of small letters, digits and hyphens: clients read it in `RateLimit`.
    pub fn new(
        name: impl Into<String>,
        by: impl IntoIterator<Item = By>,
    ) -> Result<Self, SettingError> {
        let name = checked_name(name.into())?;
        let mut by: Vec<_> = by.into_iter().collect();
        by.sort_unstable();
        by.dedup();
        Ok(Self {
            name: name.into(),
            by,
            rate: None,
            tiers: BTreeMap::new(),
            tools: None,
            in_flight: None,
            streams: None,
        })
    }

    /// For callers whose tier is not listed, those without a token among them. Without it they are not limited.
    pub fn rate(mut self, quota: Quota) -> Self {
        self.rate = Some(quota);
        self
    }

    /// For callers of this tier ([`oauthgate_core::UserContext::tier`]).
    pub fn tier(mut self, tier: impl Into<String>, quota: Quota) -> Self {
        self.tiers.insert(tier.into(), quota);
        self
    }

    /// Counts calls of tools only, and of these only. A [`QuotaLayer`](super::QuotaLayer) learns of calls by
    /// [`Operations`](super::Operations).
    pub fn tools(mut self, hold: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.tools = Some(Arc::new(hold));
        self
    }

    /// How many requests of one key may be under way at once, in this process.
    pub fn in_flight(mut self, requests: NonZeroU32) -> Self {
        self.in_flight = Some(requests);
        self
    }

    /// How many streams of one key may be open at once, in this process.
    pub fn streams(mut self, streams: NonZeroU32) -> Self {
        self.streams = Some(streams);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells its callers apart.
    #[must_use]
    pub fn by(&self) -> &[By] {
        &self.by
    }

    /// Every quota that it grants to anybody.
    pub fn quotas(&self) -> impl Iterator<Item = Quota> {
        self.rate.into_iter().chain(self.tiers.values().copied())
    }

    /// The tiers that have a quota of their own.
    pub fn tiers(&self) -> impl Iterator<Item = &str> {
        self.tiers.keys().map(String::as_str)
    }

    /// Whether a caller of this tier has a quota here; `None` is one without a token.
    #[must_use]
    pub fn has_quota_for(&self, tier: Option<&str>) -> bool {
        self.quota_of(tier).is_some()
    }

    /// Whether it counts calls of tools only.
    #[must_use]
    pub fn is_about_tools(&self) -> bool {
        self.tools.is_some() || self.by.contains(&By::Tool)
    }

    /// What a caller of this tier, or without a token, may do.
    pub(super) fn quota_of(&self, tier: Option<&str>) -> Option<Quota> {
        let of_tier = tier.and_then(|tier| self.tiers.get(tier).copied());
        of_tier.or(self.rate)
    }

    /// Whether calls of this tool are counted.
    pub(super) fn counts(&self, tool: &str) -> bool {
        self.tools.as_ref().is_none_or(|hold| hold(tool))
    }
}

/// It goes into a structured field between quotes as it is, and into a label of a metric.
fn checked_name(name: String) -> Result<String, SettingError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_plain) {
        return Err(SettingError::new(
            "no name of a limit",
            "up to 64 small letters, digits and hyphens, for example per-user",
        ));
    }
    Ok(name)
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("name", &self.name)
            .field("by", &self.by)
            .field("rate", &self.rate)
            .field("tiers", &self.tiers)
            .field("is_about_tools", &self.is_about_tools())
            .field("in_flight", &self.in_flight)
            .field("streams", &self.streams)
            .finish()
    }
}
