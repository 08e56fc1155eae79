//! When a line was written (RFC 3339, UTC, to the microsecond). Lines come by the thousand in one second, so a
//! thread remembers how the second is written.

use std::{cell::Cell, time::Duration};

use super::digits::padded;

/// A second, and how it is written: `2026-11-24T03:14:05.`
#[derive(Clone, Copy)]
struct Second {
    number: u64,
    text: [u8; 20],
}

thread_local! {
    static LATEST: Cell<Second> = const { Cell::new(Second { number: 0, text: *b"1970-01-01T00:00:00." }) };
}

/// Appends a moment, told by how long after 1970 it is.
pub(super) fn append(line: &mut Vec<u8>, since_1970: Duration) {
    let number = since_1970.as_secs();
    let mut second = LATEST.get();
    if second.number != number {
        second = Second {
            number,
            text: written(number),
        };
        LATEST.set(second);
    }
    line.extend_from_slice(&second.text);
    padded::<6>(line, u64::from(since_1970.subsec_micros()));
    line.push(b'Z');
}

const DAY: u64 = 24 * 60 * 60;

/// The last second that four digits of a year are enough for.
const LAST: u64 = 253_402_300_799;

fn written(second: u64) -> [u8; 20] {
    let second = second.min(LAST);
    let (year, month, day) = date(second / DAY);
    let of_day = second % DAY;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let mut text = Vec::with_capacity(20);
    padded::<4>(&mut text, year);
    for (separator, number) in [
        (b'-', month),
        (b'-', day),
        (b'T', hour),
        (b':', minute),
        (b':', second),
    ] {
        text.push(separator);
        padded::<2>(&mut text, number);
    }
    text.push(b'.');
    text.try_into().unwrap_or([b'0'; 20])
}

/// Year, month and day of the Gregorian calendar, so many days after 1970-01-01. Years begin in March here, so that
/// the leap day is their last and months follow one rule.
fn date(days: u64) -> (u64, u64, u64) {
    /// From 0000-03-01.
    const UNTIL_1970: u64 = 719_468;
    const YEAR: u64 = 365;
    const FOUR_YEARS: u64 = 4 * YEAR + 1;
    const CENTURY: u64 = 25 * FOUR_YEARS - 1;
    const FOUR_CENTURIES: u64 = 4 * CENTURY + 1;
    let days = days + UNTIL_1970;
    let (eras, days) = (days / FOUR_CENTURIES, days % FOUR_CENTURIES);
    // The last day of four centuries, and of four years, belongs to the year that it ends.
    let centuries = (days / CENTURY).min(3);
    let days = days - centuries * CENTURY;
    let (leaps, days) = (days / FOUR_YEARS, days % FOUR_YEARS);
    let years = (days / YEAR).min(3);
    let days = days - years * YEAR;
    // Months of 31, 30, 31, 30, 31 days, again and again: 153 in five.
    let month = (5 * days + 2) / 153;
    let day = days - (153 * month + 2) / 5 + 1;
    let year = 400 * eras + 100 * centuries + 4 * leaps + years;
    match month {
        0..=9 => (year, month + 3, day),
        _ => (year + 1, month - 9, day),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use tracing_subscriber::fmt::{
        format::Writer,
        time::{FormatTime, SystemTime},
    };

    use super::*;

    fn text(since_1970: Duration) -> String {
        let mut line = Vec::new();
        append(&mut line, since_1970);
        String::from_utf8(line).unwrap()
    }

    #[rstest]
    #[case(0, "1970-01-01T00:00:00.000000Z")]
    #[case(68_169_600, "1972-02-29T00:00:00.000000Z")]
    #[case(951_782_399, "2000-02-28T23:59:59.000000Z")]
    #[case(951_782_400, "2000-02-29T00:00:00.000000Z")]
    #[case(951_868_800, "2000-03-01T00:00:00.000000Z")]
    #[case(978_307_199, "2000-12-31T23:59:59.000000Z")]
    #[case(1_794_798_845, "2026-11-16T03:14:05.000000Z")]
    #[case(4_107_542_399, "2100-02-28T23:59:59.000000Z")]
    #[case(4_107_542_400, "2100-03-01T00:00:00.000000Z")]
    #[case(LAST, "9999-12-31T23:59:59.000000Z")]
    #[case(u64::MAX, "9999-12-31T23:59:59.000000Z")]
    fn a_second_is_written_as_the_calendar_has_it(#[case] second: u64, #[case] expected: &str) {
        assert_eq!(text(Duration::from_secs(second)), expected);
    }

    #[test]
    fn each_day_of_a_thousand_years_is_the_day_after_the_last() {
        let length = |year: u64, month: u64| match month {
            2 if year.is_multiple_of(4)
                && (!year.is_multiple_of(100) || year.is_multiple_of(400)) =>
            {
                29
            }
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (1970, 1, 1);
        for days in 0..366_000 {
            assert_eq!(date(days), expected);
            let (year, month, day) = expected;
            expected = match () {
                () if day < length(year, month) => (year, month, day + 1),
                () if month < 12 => (year, month + 1, 1),
                () => (year + 1, 1, 1),
            };
        }
    }

    #[test]
    fn the_moment_lies_between_two_that_others_write() {
        let theirs = || {
            let mut text = String::new();
            SystemTime.format_time(&mut Writer::new(&mut text)).unwrap();
            text
        };
        let before = theirs();
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let after = theirs();
        let ours = text(now);
        assert!(before <= ours && ours <= after, "{before} {ours} {after}");
        assert_eq!(ours.len(), before.len());
    }

    proptest! {
        #[test]
        fn microseconds_have_six_digits(micros in 0..1_000_000_u64) {
            let written = text(Duration::from_micros(micros));
            prop_assert_eq!(written, format!("1970-01-01T00:00:00.{micros:06}Z"));
        }
    }
}
