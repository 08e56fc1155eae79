//! Quotas as people write them: `60/min`.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use super::Quota;
use crate::SettingError;

const UNITS: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 60 * 60), ("day", 24 * 60 * 60)];

impl FromStr for Quota {
    type Err = SettingError;

    /// `<events>/s`, `/min`, `/h` or `/day`; up to 10,000 per second. The burst is as large as the number.
    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (events, unit) = text
            .split_once('/')
            .ok_or_else(|| mistake("there is no `/` in it"))?;
        let (_, seconds) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| mistake("the time is none of s, min, h and day"))?;
        let events = number(events)?;
        if u64::from(events.get()) > u64::from(Self::MOST_PER_SECOND).saturating_mul(seconds) {
            return Err(mistake("it is more than 10,000 per second"));
        }
        Ok(Self::new(events, Duration::from_secs(seconds)))
    }
}

/// Digits only: no sign.
fn number(text: &str) -> Result<NonZeroU32, SettingError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(mistake("it does not begin with a whole number"));
    }
    let number: u32 = text
        .parse()
        .map_err(|_| mistake("the number is too large"))?;
    NonZeroU32::new(number).ok_or_else(|| mistake("the number is zero"))
}

fn mistake(problem: &str) -> SettingError {
    SettingError::new(
        problem,
        "a rate such as 60/min: a whole number per s, min, h or day",
    )
}

impl fmt::Display for Quota {
    /// The rate, without the burst.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS
            .into_iter()
            .find(|(_, seconds)| Duration::from_secs(*seconds) == self.period);
        match unit {
            Some((name, _)) => write!(f, "{}/{name}", self.events),
            None => write!(f, "{}/{:?}", self.events, self.period),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_written_the_same_way() {
        for (text, seconds) in [
            ("1/s", 1),
            ("10000/s", 1),
            ("60/min", 60),
            ("600000/min", 60),
            ("5/h", 3_600),
            ("1000/day", 86_400),
        ] {
            let quota: Quota = text.parse().unwrap();
            assert_eq!(quota.period(), Duration::from_secs(seconds));
            assert_eq!(quota.burst(), quota.events());
            assert_eq!(quota.to_string(), text);
        }
    }

    #[test]
    fn another_period_is_shown_as_it_is() {
        let quota = Quota::new(NonZeroU32::new(20).unwrap(), Duration::from_millis(1_500));
        assert_eq!(quota.to_string(), "20/1.5s");
    }

    #[test]
    fn whatever_is_no_rate_is_refused_with_a_hint() {
        for text in [
            "",
            "/",
            "60",
            "60/",
            "/min",
            "0/min",
            "-1/min",
            "+1/min",
            "1.5/min",
            " 60/min",
            "60 / min",
            "60/MIN",
            "60/m",
            "60/minute",
            "60/min/",
            "10001/s",
            "600001/min",
            "4294967296/day",
            "٣/min",
        ] {
            let error = text.parse::<Quota>().unwrap_err();
            assert!(error.to_string().contains("60/min"), "{text:?}: {error}");
        }
    }
}
