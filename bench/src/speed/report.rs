//! Tables of figures with their goals, as Markdown that is also readable in a terminal.

use std::fmt::Write as _;

use anstream::println;

/// What ours wants to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// Told for comparison.
    None,
}

impl Goal {
    fn shown(self, unit: &str) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {most}{unit}"),
            Self::AtLeast(least) => format!("≥ {least}{unit}"),
            Self::None => String::new(),
        }
    }

    fn verdict(self, value: f64) -> &'static str {
        let is_met = match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::None => return "",
        };
        if is_met { "met" } else { "MISSED" }
    }
}

/// A table and, beside the last part of a row, a remark below it.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    goals: usize,
    missed: usize,
}

impl Table {
    /// For figures with goals.
    pub(crate) fn of_goals(title: &str) -> Self {
        Self::new(&[title, "OAuthGate", "goal", "", "beside it"])
    }

    pub(crate) fn new(heads: &[&str]) -> Self {
        let heads: Vec<_> = heads.iter().copied().map(str::to_owned).collect();
        Self {
            rows: vec![heads],
            goals: 0,
            missed: 0,
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// One figure of ours.
    pub(crate) fn goal(&mut self, what: &str, figure: &Figure, goal: Goal, beside: &str) {
        let verdict = goal.verdict(figure.value);
        self.goals += usize::from(goal != Goal::None);
        self.missed += usize::from(verdict == "MISSED");
        let cells = [
            what,
            &figure.text,
            &goal.shown(figure.unit),
            verdict,
            beside,
        ];
        self.row(cells.map(str::to_owned));
    }

    /// A figure with a goal that could not be taken: nobody has met it.
    pub(crate) fn lacking(&mut self, what: &str, goal: Goal, why: &str) {
        let nothing = Figure {
            value: f64::NAN,
            text: format!("not taken: {why}"),
            unit: "",
        };
        self.goal(what, &nothing, goal, "");
    }

    fn markdown(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let _ = write!(text, "| {cell:<width$} ");
            }
            text.push_str("|\n");
            if number == 0 {
                let line = widths.iter().map(|width| "-".repeat(width + 2));
                let _ = writeln!(text, "|{}|", line.collect::<Vec<_>>().join("|"));
            }
        }
        text
    }
}

/// A result: what the goal is compared with, and how it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) text: String,
    pub(crate) unit: &'static str,
}

impl Figure {
    /// The median of the rounds' ratios, and from where to where they went.
    pub(crate) fn ratio(rounds: &[f64]) -> Self {
        let value = median(rounds);
        let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = rounds.iter().copied().fold(0.0, f64::max);
        Self {
            value,
            text: format!("{value:.3}x ({least:.2}–{most:.2})"),
            unit: "x",
        }
    }

    /// A number with its unit.
    pub(crate) fn number(value: f64, decimals: usize, unit: &'static str) -> Self {
        Self {
            value,
            text: format!("{value:.decimals$}{unit}"),
            unit,
        }
    }
}

/// Everything that was printed, and what was missed.
#[derive(Debug, Default)]
pub(crate) struct Report {
    markdown: String,
    goals: usize,
    missed: usize,
}

impl Report {
    /// A paragraph.
    pub(crate) fn say(&mut self, text: &str) {
        println!("{text}\n");
        self.markdown.push_str(text);
        self.markdown.push_str("\n\n");
    }

    pub(crate) fn print(&mut self, table: &Table) {
        self.goals += table.goals;
        self.missed += table.missed;
        self.say(table.markdown().trim_end());
    }

    /// A part that could not be measured, and counts as a goal that was missed.
    pub(crate) fn without(&mut self, part: &str, problem: &str) {
        self.goals += 1;
        self.missed += 1;
        self.say(&format!(
            "The part `{part}` could not be measured: {problem}"
        ));
    }

    /// The last line; whether no goal was missed.
    pub(crate) fn end(&mut self) -> bool {
        let met = self.goals - self.missed;
        self.say(&format!("{met} of {} goals met.", self.goals));
        self.missed == 0
    }

    pub(crate) fn markdown(&self) -> &str {
        &self.markdown
    }
}

/// The one in the middle; not a number if there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The ratios of two contenders' rounds.
pub(crate) fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    let pairs = ours.iter().zip(theirs);
    pairs.map(|(ours, theirs)| ours / theirs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_was_missed_or_not_taken() {
        let mut table = Table::of_goals("what");
        table.goal(
            "a",
            &Figure::ratio(&[1.0, 3.0, 1.1]),
            Goal::AtMost(1.15),
            "",
        );
        table.goal("b", &Figure::ratio(&[1.0]), Goal::AtLeast(1.7), "");
        table.lacking("c", Goal::AtMost(1.0), "nginx is not installed");
        table.lacking("d", Goal::None, "nobody asked");
        assert_eq!((table.goals, table.missed), (3, 2));
        let text = table.markdown();
        assert!(text.contains("| 1.100x (1.00–3.00)"), "{text}");
        assert!(text.contains("| ≤ 1.15x | met "), "{text}");
        assert!(text.contains("MISSED"), "{text}");
    }
}
