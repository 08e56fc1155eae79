//! What the operator learns: one access line a request ([`access`]), metrics ([`metrics`]), and how
//! lines look ([`logs`]).

pub mod access;
mod digits;
mod durations;
pub(crate) mod expired_streams;
mod introspection_metrics;
mod json_lines;
mod key_metrics;
mod log_metrics;
pub mod logs;
pub mod metrics;
mod refused_token_metrics;
pub(crate) mod requests;
mod sample;
pub(crate) mod shedding;
mod sink;
pub(crate) mod slow_peers;
mod state_metrics;
mod step_up;
mod timestamp;
mod token_metrics;
