//! Control: how a test makes this server misbehave, and counts what it was asked.

mod counters;
mod faults;
mod routes;

pub use counters::Counters;
pub(crate) use counters::Counts;
pub use faults::{Endpoint, Fault, FaultAnswer};
pub(crate) use faults::{Faults, misbehave};
pub(crate) use routes::routes;
