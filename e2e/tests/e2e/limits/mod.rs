//! Limits, seen from outside.

mod evasion;
mod refused_tokens;
