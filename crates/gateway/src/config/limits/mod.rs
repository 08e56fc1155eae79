//! What an operator says about how much callers may do: `[[limit]]`, `[costs]`, and the short form of one variable.

mod compile;
mod low;
mod settings;
mod short;
mod shown;
mod tables;
mod words;

pub(super) use low::LimitsGiven;
pub use settings::QuotaSettings;
pub(super) use settings::read;
#[cfg(test)]
pub(super) use tables::LIMIT;
pub(super) use tables::{costs, limits};

/// The tables that say how much callers may do.
pub(super) const TABLES: &[&str] = &["limit", "costs"];
