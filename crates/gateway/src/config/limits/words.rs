//! Words of a limit into what they mean. What cannot be understood is reported, and breaks the limit.

use std::num::NonZeroU32;

use oauthgate_core::{SettingError, quota::Quota};
use oauthgate_remote::env::{Words, items_of};

use super::low::RateGiven;
use crate::config::{
    given::{Given, Mistakes},
    values,
};

/// Reads the words of one limit.
pub(super) struct WordReader<'a> {
    pub(super) is_broken: bool,
    pub(super) mistakes: &'a mut Mistakes,
}

impl<'a> WordReader<'a> {
    pub(super) fn new(mistakes: &'a mut Mistakes) -> Self {
        Self {
            is_broken: false,
            mistakes,
        }
    }

    /// The value, or a mistake in this word.
    pub(super) fn ok<T>(
        &mut self,
        given: &Given,
        word: &str,
        result: Result<T, SettingError>,
    ) -> Option<T> {
        let result = result.map_err(|error| (word.to_owned(), error));
        let value = self.mistakes.unless(given, result);
        self.is_broken |= value.is_none();
        value
    }

    /// What every word of a list means.
    pub(super) fn each<T>(
        &mut self,
        given: &Given,
        parse: impl Fn(&str) -> Result<T, SettingError>,
    ) -> Vec<T> {
        let items = match &given.words {
            // Here an empty list says something.
            Words::Many(words) if words.is_empty() => Vec::new(),
            words => items_of(words),
        };
        let mut values = Vec::new();
        for item in items {
            let (word, result) = match item {
                Ok(word) => (word.clone(), parse(&word)),
                Err((word, error)) => (word, Err(error)),
            };
            values.extend(self.ok(given, &word, result));
        }
        values
    }

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

/// Words that are one.
pub(super) fn one_word(given: &Given) -> &str {
    match &given.words {
        Words::One(word) => word,
        Words::Many(words) => words.first().map_or("", String::as_str),
    }
}
