//! What an operator says about who may do what: the settings of the policy, beside the tables of rules.

mod settings;

pub use oauthgate_tower::StreamExpiry;
pub use settings::{ListFilter, PolicySettings, StepUp};
pub(super) use settings::{read, stream_expiry};
