//! When two numbers or two values are the same.

use serde_json::{Number, Value};

/// Whether two numbers are the same number, however they are written: 1 and 1.0 are, and an integer
/// beyond 2^53 is not the same as its neighbour.
///
/// ```
/// use oauthgate_core::json::same_number;
///
/// assert!(same_number(&1.into(), &serde_json::Number::from_f64(1.0).unwrap()));
/// assert!(!same_number(&9_007_199_254_740_993_u64.into(), &9_007_199_254_740_992_u64.into()));
/// ```
#[must_use]
pub fn same_number(one: &Number, other: &Number) -> bool {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.as_f64() == other.as_f64(),
        _ => false,
    }
}

/// The integer that it is; a fraction, and what lies beyond 128 bits, is none.
fn integer(number: &Number) -> Option<i128> {
    if let Some(integer) = number.as_i64() {
        return Some(integer.into());
    }
    if let Some(integer) = number.as_u64() {
        return Some(integer.into());
    }
    let float = number.as_f64()?;
    let fits = float.fract() == 0.0 && float.abs() < 2_f64.powi(126);
    #[expect(clippy::cast_possible_truncation, reason = "a whole number that fits")]
    fits.then_some(float as i128)
}

/// Whether two strings, numbers or truth values are the same value; nothing else is the same as anything.
#[must_use]
pub fn same_scalar(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one == other,
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Bool(one), Value::Bool(other)) => one == other,
        _ => false,
    }
}
