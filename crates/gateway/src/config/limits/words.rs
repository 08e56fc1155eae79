//! What the words of a limit mean.

use std::num::NonZeroU32;

use oauthgate_core::{SettingError, quota::Quota};

use super::low::RateGiven;
use crate::config::{
    given::Given,
    values,
    words::{WordReader, one_word},
};

impl WordReader<'_> {
    /// A whole number of at least one.
    pub(super) fn count(&mut self, given: &Given) -> Option<NonZeroU32> {
        let word = one_word(given);
        self.ok(given, word, count(word))
    }

    /// A quota; the burst of the whole limit where it has none of its own.
    pub(super) fn quota(&mut self, given: &RateGiven, burst: Option<&Given>) -> Option<Quota> {
        let rate = given.rate.as_ref()?;
        let quota = self.ok(rate, one_word(rate), one_word(rate).parse::<Quota>())?;
        match given.burst.as_ref().or(burst) {
            Some(burst) => {
                let count = self.count(burst)?;
                self.ok(burst, one_word(burst), with_burst(quota, count))
            }
            None => Some(quota),
        }
    }

    /// Whether a token can name this tier.
    pub(super) fn tier(&mut self, tier: &str, given: &RateGiven) -> Option<()> {
        self.ok(given.rate.as_ref()?, tier, check_tier(tier))
    }
}

/// A million, and no more: nobody means more at once.
pub(super) fn count(word: &str) -> Result<NonZeroU32, SettingError> {
    let number = values::number(word, 1..=1_000_000)?;
    let number = u32::try_from(number).ok().and_then(NonZeroU32::new);
    number.ok_or_else(|| SettingError::new("no count", "a whole number from 1 to 1000000"))
}

/// As much at once, if it comes back within ten years.
pub(super) fn with_burst(quota: Quota, burst: NonZeroU32) -> Result<Quota, SettingError> {
    let bursting = quota.with_burst(burst);
    if bursting.burst() == burst {
        return Ok(bursting);
    }
    Err(SettingError::new(
        format!("at {quota} it would take more than ten years to come back"),
        format!("at most {} for this rate", bursting.burst()),
    ))
}

/// No token names what is written otherwise: its tier would be refused.
pub(super) fn check_tier(tier: &str) -> Result<(), SettingError> {
    if tier.is_empty() || tier.trim() != tier || tier.chars().any(char::is_control) {
        return Err(SettingError::new(
            "no token can name this tier",
            "the tier as tokens name it, with no blank around it",
        ));
    }
    Ok(())
}
