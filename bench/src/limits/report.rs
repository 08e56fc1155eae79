//! Figures with their goals beside them.

use anstream::println;

/// What a figure wants to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At most this; missing it fails the run.
    AtMost(f64),
    /// At least this; missing it fails the run.
    AtLeast(f64),
    /// At most this, but a busy machine alone can miss it, so it is only told.
    QuietlyAtMost(f64),
    /// Told for comparison.
    None,
}

/// Counts what was missed.
#[derive(Debug, Default)]
pub(crate) struct Report {
    goals: usize,
    met: usize,
    failed: bool,
}

impl Report {
    /// One line; `text` shows the value with its unit.
    pub(crate) fn line(&mut self, what: &str, value: f64, text: &str, goal: Goal) {
        let (is_met, fails, shown) = match goal {
            Goal::AtMost(most) => (value <= most, true, format!("≤ {most}")),
            Goal::AtLeast(least) => (value >= least, true, format!("≥ {least}")),
            Goal::QuietlyAtMost(most) => (value <= most, false, format!("≤ {most}")),
            Goal::None => return println!("{what:<72} {text:>28}"),
        };
        self.goals += 1;
        self.met += usize::from(is_met);
        self.failed |= fails && !is_met;
        let verdict = if is_met { "met" } else { "MISSED" };
        println!("{what:<72} {text:>28}   goal {shown}: {verdict}");
    }

    /// Without a goal.
    pub(crate) fn tell(&mut self, what: &str, text: &str) {
        self.line(what, 0.0, text, Goal::None);
    }

    /// The last line; whether nothing was missed that no noise can explain.
    pub(crate) fn end(&self) -> bool {
        println!("\n{} of {} goals met.", self.met, self.goals);
        !self.failed
    }
}

/// 1234567 as 1,234,567.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The one in the middle.
///
/// # Panics
/// When there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fails_for_what_noise_cannot_explain() {
        let mut report = Report::default();
        report.line("p99", 2.0, "2", Goal::QuietlyAtMost(1.2));
        assert!(report.end());
        report.line("memory", 65.0, "65", Goal::AtMost(64.0));
        assert!(!report.end());
        assert_eq!((report.goals, report.met), (2, 0));
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
