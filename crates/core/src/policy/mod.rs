//! What an operation asks for, and the two answers.

mod caller;
mod claim_demand;
mod decision;
mod hierarchy;
mod requirement;

pub use caller::Caller;
use claim_demand::ClaimDemand;
pub use decision::{Denial, Permit};
pub use hierarchy::ScopeHierarchy;
pub use requirement::{Requirement, Shortfall};

#[cfg(test)]
mod tests;
