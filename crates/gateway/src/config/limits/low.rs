//! Limits as somebody wrote them: every word with its place, nothing judged but its TOML type.

use crate::config::given::{Given, Origin};

/// The tables of a resource that say how much its callers may do.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct LimitsGiven {
    /// `[[limit]]`, in order.
    pub(in crate::config) limits: Vec<LimitGiven>,
    /// `[costs]`: a pattern of tools, and what a call costs.
    pub(in crate::config) costs: Vec<(String, Given)>,
    /// Whether something in them could not be read, and was reported.
    pub(in crate::config) is_broken: bool,
}

/// One `[[limit]]`.
#[derive(Debug, Clone)]
pub(in crate::config) struct LimitGiven {
    /// Where it stands.
    pub(in crate::config) origin: Origin,
    pub(in crate::config) name: Option<Given>,
    pub(in crate::config) by: Option<Given>,
    pub(in crate::config) rate: RateGiven,
    pub(in crate::config) tiers: Vec<(String, RateGiven)>,
    pub(in crate::config) tools: Option<Given>,
    pub(in crate::config) in_flight: Option<Given>,
    pub(in crate::config) streams: Option<Given>,
    /// Whether anything in it could not be read, and was reported.
    pub(in crate::config) is_broken: bool,
}

/// How much in a time, and how much at once.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct RateGiven {
    pub(in crate::config) rate: Option<Given>,
    pub(in crate::config) burst: Option<Given>,
}
