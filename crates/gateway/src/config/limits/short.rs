//! The short form: one variable for a limit by subject.

use std::num::NonZeroU32;

use oauthgate_core::{SettingError, quota::Quota};
use oauthgate_tower::quota::{By, Limit};

use super::words;

/// What clients, logs and metrics call the limit.
pub(super) const NAME: &str = "per-subject";
/// Stands for every tier that is not named.
pub(super) const OTHER: &str = "other";

/// `60/min`, or `free=60/min pro=600/min other=30/min`.
pub(super) struct Rates {
    other: Option<Quota>,
    tiers: Vec<(String, Quota)>,
}

impl Rates {
    pub(super) fn parse(text: &str) -> Result<Self, SettingError> {
        if !text.contains('=') {
            let other = Some(text.parse()?);
            return Ok(Self {
                other,
                tiers: Vec::new(),
            });
        }
        let mut rates = Self {
            other: None,
            tiers: Vec::new(),
        };
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            rates.add(word)?;
        }
        Ok(rates)
    }

    fn add(&mut self, word: &str) -> Result<(), SettingError> {
        let expected = "a rate for each tier, for example free=60/min pro=600/min other=30/min";
        let Some((tier, rate)) = word.split_once('=').filter(|(tier, _)| !tier.is_empty()) else {
            return Err(SettingError::new(format!("{word} names no tier"), expected));
        };
        words::check_tier(tier)?;
        let quota = rate.parse()?;
        let is_twice = match tier {
            OTHER => self.other.replace(quota).is_some(),
            _ => self.tiers.iter().any(|(known, _)| known == tier),
        };
        if is_twice {
            return Err(SettingError::new(
                format!("{tier} has two rates"),
                "one rate for each tier",
            ));
        }
        if tier != OTHER {
            self.tiers.push((tier.to_owned(), quota));
        }
        Ok(())
    }

    /// The limit, with this burst for every rate.
    ///
    /// # Errors
    /// A burst that one of them does not give back in ten years.
    pub(super) fn limit(self, burst: Option<NonZeroU32>) -> Result<Limit, SettingError> {
        let bursting =
            |quota: Quota| burst.map_or(Ok(quota), |burst| words::with_burst(quota, burst));
        let mut limit = Limit::new(NAME, [By::Subject])?;
        if let Some(other) = self.other {
            limit = limit.rate(bursting(other)?);
        }
        for (tier, quota) in self.tiers {
            limit = limit.tier(tier, bursting(quota)?);
        }
        Ok(limit)
    }
}
