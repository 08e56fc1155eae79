//! The table: ours first, with the goal beside it.

use std::time::Duration;

use crate::{contender::Kind, stand::Bench};

/// What ours wants to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At most this; missing it fails the run.
    AtMost(f64),
    /// At most this, but a noisy machine alone can miss it, so it is only told.
    RatioAtMost(f64),
    /// Told for comparison.
    None,
}

impl Goal {
    fn shown(self) -> String {
        match self {
            Self::AtMost(0.0) => "0".to_owned(),
            Self::AtMost(most) => format!("≤ {most}"),
            Self::RatioAtMost(most) => format!("≤ {most}x"),
            Self::None => String::new(),
        }
    }

    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) | Self::RatioAtMost(most) => value <= most,
            Self::None => true,
        }
    }
}

/// One contender's result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// What the goal is compared with.
    pub(crate) value: f64,
    pub(crate) text: String,
}

impl Figure {
    pub(crate) fn count(count: usize) -> Self {
        Self {
            value: count as f64,
            text: grouped(count),
        }
    }

    pub(crate) fn of(count: usize, all: usize) -> Self {
        Self {
            value: count as f64,
            text: format!("{} of {}", grouped(count), grouped(all)),
        }
    }

    pub(crate) fn ratio(ratio: f64) -> Self {
        let text = if ratio < 10.0 {
            format!("{ratio:.2}x")
        } else {
            format!("{}x", grouped(ratio.round() as usize))
        };
        Self { value: ratio, text }
    }

    pub(crate) fn seconds(duration: Duration) -> Self {
        Self {
            value: duration.as_secs_f64(),
            text: format!("{:.3} s", duration.as_secs_f64()),
        }
    }

    /// Not within the time that was measured.
    pub(crate) fn longer_than(duration: Duration) -> Self {
        Self {
            value: f64::INFINITY,
            text: format!("> {} s", duration.as_secs()),
        }
    }

    /// A result without a number, which meets no goal.
    pub(crate) fn failure(text: &str) -> Self {
        Self {
            value: f64::INFINITY,
            text: text.to_owned(),
        }
    }
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) goal: Goal,
    /// In the contenders' order.
    pub(crate) figures: Vec<Figure>,
}

impl Row {
    pub(crate) fn new(
        what: impl Into<String>,
        goal: Goal,
        figures: impl IntoIterator<Item = Figure>,
    ) -> Self {
        Self {
            what: what.into(),
            goal,
            figures: figures.into_iter().collect(),
        }
    }

    fn is_met(&self) -> bool {
        let ours = self.figures.first();
        ours.is_some_and(|figure| self.goal.is_met_by(figure.value))
    }

    fn mark(&self) -> &'static str {
        match (self.goal, self.is_met()) {
            (Goal::None, _) => "",
            (_, true) => "met",
            (_, false) => "MISSED",
        }
    }
}

/// The lines of one scenario.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
}

/// Everything, as Markdown that is also readable in a terminal.
#[derive(Debug)]
pub(crate) struct Report {
    heads: Vec<String>,
    sections: Vec<Section>,
}

impl Report {
    pub(crate) fn new(bench: &Bench) -> Self {
        let is_shown = |kind: &Kind| {
            bench.contenders.contains(kind) || (*kind == Kind::Envoy && bench.parts.envoy.is_none())
        };
        let head = |kind: Kind| {
            if bench.contenders.contains(&kind) {
                format!("{} {}", kind.name(), bench.parts.version(kind))
            } else {
                kind.name().to_owned()
            }
        };
        Self {
            heads: Kind::ALL.into_iter().filter(is_shown).map(head).collect(),
            sections: Vec::new(),
        }
    }

    pub(crate) fn extend(&mut self, sections: Vec<Section>) {
        self.sections.extend(sections);
    }

    /// Prints one scenario's part.
    pub(crate) fn print(&self, section: &Section) {
        let mut lines = vec![self.head(section)];
        lines.extend(section.rows.iter().map(|row| self.line(row)));
        anstream::println!("{}", aligned(&lines));
    }

    fn head(&self, section: &Section) -> Vec<String> {
        let (ours, others) = self.heads.split_first().expect("ours is always there");
        let mut head = vec![section.title.clone(), ours.clone()];
        head.extend(["goal".to_owned(), String::new()]);
        head.extend(others.iter().cloned());
        head
    }

    fn line(&self, row: &Row) -> Vec<String> {
        let text = |index: usize| {
            row.figures
                .get(index)
                .map_or("not installed here", |figure| figure.text.as_str())
        };
        let mut line = vec![row.what.clone(), text(0).to_owned()];
        line.extend([row.goal.shown(), row.mark().to_owned()]);
        line.extend((1..self.heads.len()).map(|index| text(index).to_owned()));
        line
    }

    /// Whether ours reached every goal that noise cannot miss.
    pub(crate) fn meets_countable_goals(&self) -> bool {
        self.missed()
            .all(|(_, row)| matches!(row.goal, Goal::RatioAtMost(_)))
    }

    /// One sentence about ours.
    pub(crate) fn verdict(&self, took: Duration) -> String {
        let goals = self
            .rows()
            .filter(|(_, row)| row.goal != Goal::None)
            .count();
        let missed: Vec<_> = self
            .missed()
            .map(|(title, row)| format!("{title}: {}", row.what))
            .collect();
        let minutes = took.as_secs_f64() / 60.0;
        let met = goals - missed.len();
        let mut verdict =
            format!("OAuthGate met {met} of {goals} goals; the run took {minutes:.0} min.");
        if !missed.is_empty() {
            verdict.push_str(" Missed: ");
            verdict.push_str(&missed.join("; "));
            verdict.push('.');
        }
        verdict
    }

    /// Each line with its section's title.
    fn rows(&self) -> impl Iterator<Item = (&str, &Row)> {
        let sections = self.sections.iter();
        sections.flat_map(|section| section.rows.iter().map(|row| (section.title.as_str(), row)))
    }

    fn missed(&self) -> impl Iterator<Item = (&str, &Row)> {
        self.rows().filter(|(_, row)| !row.is_met())
    }
}

/// A Markdown table whose first line is its head.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or_default().max(3)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut table = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            table.push_str(&format!("| {cell:<width$} "));
        }
        table.push_str("|\n");
        if number == 0 {
            for width in &widths {
                table.push_str(&format!("|{}", "-".repeat(width + 2)));
            }
            table.push_str("|\n");
        }
    }
    table
}

/// 1234567 as 1,234,567.
fn grouped(number: usize) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report(goal: Goal, ours: Figure) -> Report {
        let row = Row::new("refused", goal, [ours, Figure::count(1_234_567)]);
        Report {
            heads: ["OAuthGate 1", "jose 6", "Envoy"].map(str::to_owned).into(),
            sections: vec![Section {
                title: "outage".to_owned(),
                rows: vec![row],
            }],
        }
    }

    #[test]
    fn fails_for_a_count_and_not_for_a_ratio() {
        let met = report(Goal::AtMost(1.0), Figure::count(1));
        assert!(met.meets_countable_goals());
        let missed = report(Goal::AtMost(0.0), Figure::count(1));
        assert!(!missed.meets_countable_goals());
        assert!(missed.verdict(Duration::ZERO).contains("0 of 1 goals"));
        let noisy = report(Goal::RatioAtMost(1.2), Figure::ratio(1.3));
        assert!(noisy.meets_countable_goals());
        assert!(
            noisy
                .verdict(Duration::ZERO)
                .contains("Missed: outage: refused.")
        );
    }

    #[test]
    fn says_plainly_who_is_not_installed() {
        let report = report(Goal::AtMost(0.0), Figure::of(0, 20));
        assert_eq!(
            report.line(&report.sections[0].rows[0]),
            [
                "refused",
                "0 of 20",
                "0",
                "met",
                "1,234,567",
                "not installed here"
            ]
        );
    }
}
