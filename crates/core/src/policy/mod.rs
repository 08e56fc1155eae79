//! What an operation asks for, and the two answers.

mod decision;
mod requirement;

pub use decision::{Denial, Permit};
pub use requirement::Requirement;
