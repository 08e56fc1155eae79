//! Limits, seen from outside.

mod evasion;
