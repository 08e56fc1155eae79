//! Key sets: where they come from ([`JwksSource`]), when they are fetched ([`schedule`]), and how they
//! are held ([`KeyStore`]).
//!
//! What the store promises, whatever strangers send and whatever the issuer does:
//!
//! 1. A token whose key is held never waits for the network.
//! 2. A thousand first requests cost one fetch; a flood of unknown `kid`s costs one per cooldown.
//! 3. A set that was good is served for [`schedule::STALE_LIMIT`] while its issuer is away, and only a
//!    good set replaces it: no error page, no empty set, no late answer.
//! 4. A fetch belongs to nobody: a request that is cancelled cancels nothing.

mod absent;
mod attempt;
mod dev_keys;
#[cfg(unix)]
mod disk;
mod fetch;
pub(crate) mod file;
mod flight;
mod generation;
mod ground;
mod held;
mod keeping;
pub(crate) mod place;
mod renewal;
mod ring;
mod rule;
mod rulings;
pub mod schedule;
pub mod snapshot;
mod source;
mod status;
mod store;
mod strangers;
mod sync;
pub mod withdrawals;

#[cfg(test)]
mod crowd_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod rulings_tests;
#[cfg(test)]
mod schedule_play;
#[cfg(test)]
mod schedule_properties;
#[cfg(test)]
mod schedule_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod strangers_properties;

pub use dev_keys::DEV_KEY_PREFIX;
#[cfg(unix)]
pub use disk::SnapshotDirectory;
pub(crate) use fetch::{HttpJwksSource, Location};
pub(crate) use file::FileJwksSource;
pub(crate) use ground::{Ground, Proof};
pub use snapshot::{KeySnapshot, Seal, SnapshotError, SnapshotKeeper, SnapshotKeys};
pub(crate) use source::NoSource;
pub use source::{Ask, Fetched, FetchedSet, JwksSource, KeySourceError, Validator};
pub use status::{HeldKey, KeyStatus, Ruled, Saved};
pub use store::{KeyStore, Surroundings};
pub use strangers::StrangersBudget;
pub use withdrawals::{Merged, Ruling, Withdrawals, WithdrawalsFull, WithdrawnName};
