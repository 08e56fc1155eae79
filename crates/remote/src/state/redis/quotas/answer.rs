//! What the scripts answer, as far as it can be true.

use std::time::Duration;

use oauthgate_core::quota::Standing;
use redis::Value;

use crate::state::quotas::Charge;

/// How one charge was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) fits: bool,
    /// The arrival time afterwards, in microseconds of the server's clock.
    pub(super) arrival: u64,
    /// How far that is ahead of the server's clock.
    pub(super) ahead: u64,
}

impl Answer {
    /// `None` if this cannot be the answer to the charge.
    pub(super) fn to(charge: &Charge, value: Value) -> Option<Self> {
        let Value::Array(numbers) = value else {
            return None;
        };
        let [Value::Int(fits), Value::Int(now), Value::Int(arrival)] = numbers[..] else {
            return None;
        };
        let (now, arrival) = (u64::try_from(now).ok()?, u64::try_from(arrival).ok()?);
        let answer = Self {
            fits: fits == 1,
            arrival,
            ahead: arrival.checked_sub(now)?,
        };
        (matches!(fits, 0 | 1) && answer.is_possible(charge)).then_some(answer)
    }

    fn is_possible(self, charge: &Charge) -> bool {
        let (price, depth) = (charge.quota.price(charge.cost), charge.quota.depth());
        let fits = if self.fits {
            price <= self.ahead
        } else {
            depth < self.ahead.saturating_add(price)
        };
        fits && self.ahead <= depth
    }

    /// How the caller stands when the charge is kept.
    pub(super) fn standing(self, charge: &Charge) -> Standing {
        charge.quota.standing(self.ahead)
    }

    /// How the caller stands when the charge is given back.
    pub(super) fn standing_before(self, charge: &Charge) -> Standing {
        let taken = if self.fits {
            charge.quota.price(charge.cost)
        } else {
            0
        };
        charge.quota.standing(self.ahead.saturating_sub(taken))
    }

    /// How long until there is enough.
    pub(super) fn wait(self, charge: &Charge) -> Option<Duration> {
        let missing = self
            .ahead
            .saturating_add(charge.quota.price(charge.cost))
            .saturating_sub(charge.quota.depth());
        (!self.fits).then_some(Duration::from_micros(missing))
    }
}

/// How much was given back of a price; `None` if it cannot be.
pub(super) fn given_back(value: &Value) -> Option<u64> {
    match value {
        Value::Int(amount) => u64::try_from(*amount).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::quotas::tests::charge;

    fn numbers(numbers: [i64; 3]) -> Value {
        Value::Array(numbers.map(Value::Int).to_vec())
    }

    #[test]
    fn e9_only_what_the_script_can_say_is_an_answer() {
        const NOW: i64 = 1_800_000_000_000_000;
        const SECOND: i64 = 1_000_000;
        // A quota of twenty seconds, of which the charge costs two.
        let charge = charge("anna", "60/min", 20, 2);
        for (ahead, fits) in [(2, 1), (7, 1), (20, 1), (19, 0), (20, 0)] {
            let value = numbers([fits, NOW, NOW + ahead * SECOND]);
            let answer = Answer::to(&charge, value).unwrap();
            assert_eq!(answer.fits, fits == 1);
            assert_eq!(answer.wait(&charge).is_some(), fits == 0);
        }
        let impossible = [
            [1, NOW, NOW],
            [1, NOW, NOW + 2 * SECOND - 1],
            [1, NOW, NOW + 20 * SECOND + 1],
            [0, NOW, NOW + 18 * SECOND],
            [0, NOW, NOW],
            [0, NOW, NOW + 21 * SECOND],
            [0, NOW, i64::MAX],
            [2, NOW, NOW + 20 * SECOND],
            [-1, NOW, NOW + 20 * SECOND],
            [1, NOW, NOW - 1],
            [1, -5 * SECOND, 5 * SECOND],
            [1, i64::MIN, i64::MIN],
            [0, 0, -1],
        ];
        for answer in impossible.map(numbers) {
            assert_eq!(Answer::to(&charge, answer.clone()), None, "{answer:?}");
        }
        for answer in [
            Value::Nil,
            Value::Okay,
            Value::Int(1),
            Value::Array(Vec::new()),
            Value::Array(vec![Value::Int(1), Value::Int(NOW)]),
            Value::Array(vec![Value::Int(1); 4]),
            Value::Array(vec![Value::BulkString(b"1".to_vec()); 3]),
        ] {
            assert_eq!(Answer::to(&charge, answer.clone()), None, "{answer:?}");
        }
    }
}
