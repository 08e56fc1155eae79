//! Configuration: what somebody wrote becomes [`Settings`], or one report of every mistake.
//!
//! Flags, environment ([`mod@env`]) and file ([`mod@file`]) are read into sections, merged by precedence
//! (flag, environment, file, default), parsed strictly, and checked against each other.

mod admin_access;
mod checks;
mod concurrency;
pub(crate) mod document;
mod effective;
pub mod env;
pub(crate) mod fields;
pub mod file;
pub(crate) mod given;
mod issuer;
pub mod limits;
mod load;
mod outbound;
pub mod policy;
mod proxies;
mod reader;
pub mod reference;
mod resolve;
mod secret;
mod section;
pub mod settings;
mod shared_state;
mod trust;
mod values;
mod waiting;
mod words;

#[cfg(test)]
mod tests;

pub use admin_access::AdminAccess;
pub use effective::{Effective, json, table};
pub use env::Environment;
pub use given::Origin;
#[cfg(feature = "dev")]
pub(crate) use given::nearest;
pub use limits::QuotaSettings;
pub use load::{Loaded, Sources};
pub use policy::{PolicySettings, StreamExpiry};
pub use settings::{
    ForwardedHeader, IdentityHeaders, Limits, LogFormat, ResourceSettings, Settings, SharedState,
    Sizes, Tools, UnlistedTools, UpstreamTimeouts,
};
