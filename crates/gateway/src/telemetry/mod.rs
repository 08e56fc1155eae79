//! What the operator learns: one access line a request ([`access`]), metrics ([`metrics`]), and how
//! lines look ([`logs`]).

pub mod access;
pub mod logs;
pub mod metrics;
