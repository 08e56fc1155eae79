//! What this crate promises, and why: for reviewers, operators and the curious. There is no code here.

pub mod attacks;
pub mod defaults;
pub mod rfcs;
