//! What an operator says about who may do what: the settings of the policy, beside the tables of rules.

mod build;
mod compile;
mod low;
mod settings;
mod shown;
mod source;
mod tables;
mod tools;
mod words;

pub(super) use low::TablesGiven;
pub use oauthgate_tower::StreamExpiry;
pub use settings::PolicySettings;
pub(super) use settings::{Read, read, stream_expiry};
#[cfg(test)]
pub(super) use tables::RULE;
pub(super) use tables::{add_open, hierarchy, rules};

/// The tables that say who may do what.
pub(super) const TABLES: &[&str] = &["rule", "scope_hierarchy", "tools"];
