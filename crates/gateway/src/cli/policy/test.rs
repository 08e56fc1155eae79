//! `oauthgate policy test`: the policy against a file of cases.

use std::{fmt::Write, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{
    ResourceOptions,
    cases::{self, Case, List},
    operation,
    ruling::{Court, ListKind, Ruling},
    words::Outcome,
};
use crate::cli::{Failure, input, output};

/// Which cases to try.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    resource: ResourceOptions,
    /// The file of cases, TOML; - for standard input
    #[arg(value_name = "FILE")]
    cases: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        let settings = self.resource.settings()?;
        let text = input::text(&self.cases)?;
        let cases = cases::read(&self.cases, &text)?;
        let results = tried(&Court::of(&settings), &cases);
        let failed = failed(&results);
        let text = match self.json {
            true => of_machine(&results, failed),
            false => of_person(&results, failed),
        };
        output::data(&text)?;
        match failed {
            0 => Ok(()),
            failed => Err(Failure::run(format!(
                "{failed} of {} cases failed",
                results.len()
            ))),
        }
    }
}

fn tried<'c>(court: &Court, cases: &'c [Case]) -> Vec<Outcomes<'c>> {
    cases.iter().map(|case| Outcomes::of(court, case)).collect()
}

fn failed(results: &[Outcomes<'_>]) -> usize {
    let failed = results.iter().filter(|one| !one.differences.is_empty());
    failed.count()
}

/// How many cases are not as expected, and the report for people.
#[cfg(test)]
pub(super) fn report(court: &Court, cases: &[Case]) -> (usize, String) {
    let results = tried(court, cases);
    let failed = failed(&results);
    (failed, of_person(&results, failed))
}

/// What came of one case.
struct Outcomes<'c> {
    case: &'c Case,
    ruling: Ruling,
    /// Why the items that are shown otherwise than expected are, or are not.
    items: Vec<String>,
    differences: Vec<Difference>,
}

/// Something that is not as expected.
struct Difference {
    what: &'static str,
    expected: String,
    found: String,
}

impl<'c> Outcomes<'c> {
    fn of(court: &Court, case: &'c Case) -> Self {
        let ruling = court.rule(&case.body, case.caller.as_ref());
        let mut differences = Vec::new();
        let mut compare = |what, expected: String, found: String| {
            if expected != found {
                differences.push(Difference {
                    what,
                    expected,
                    found,
                });
            }
        };
        compare(
            "verdict",
            case.expect.to_string(),
            ruling.outcome.to_string(),
        );
        if let Some(scopes) = &case.expect_scopes {
            compare("scopes", scopes.to_string(), scopes_of(&ruling));
        }
        if let Some(rule) = &case.expect_rule {
            compare("rule", rule.clone(), rules_of(&ruling));
        }
        let mut items = Vec::new();
        if let Some((list, shows)) = case.list.as_ref().and_then(with_shows) {
            let shown = shown(court, case, &ruling);
            compare("shows", shows.join(" "), shown.join(" "));
            let differing = list.items.iter();
            items = differing
                .filter(|item| {
                    ruling.refusal.is_none() && shows.contains(item) != shown.contains(item)
                })
                .map(|item| why_shown(court, case, list.kind, item, shown.contains(item)))
                .collect();
        }
        Self {
            case,
            ruling,
            items,
            differences,
        }
    }
}

/// What the list shows; nothing to a caller who is refused the list itself.
fn shown(court: &Court, case: &Case, ruling: &Ruling) -> Vec<String> {
    match &case.list {
        Some(list) if ruling.outcome == Outcome::Allow => {
            court.shown(list.kind, &list.items, case.caller.as_ref())
        }
        _ => Vec::new(),
    }
}

fn with_shows(list: &List) -> Option<(&List, &[String])> {
    Some((list, list.shows.as_deref()?))
}

/// Whether an item is shown, and how a use of it would go through the rules. A list asks for *some* arguments, so
/// that an item may be shown although a use without any is refused.
fn why_shown(court: &Court, case: &Case, kind: ListKind, item: &str, is_shown: bool) -> String {
    let verb = if is_shown { "is shown" } else { "is not shown" };
    let mut text = format!("{item:?} {verb}; asked without arguments:");
    for explanation in court
        .rule(&use_of(kind, item), case.caller.as_ref())
        .explanations
    {
        let _ = write!(text, "\n{explanation}");
    }
    text
}

/// The message that uses an item of a list.
fn use_of(kind: ListKind, item: &str) -> String {
    match kind {
        ListKind::Tools => operation::call("tools/call", item, None),
        ListKind::Prompts => operation::call("prompts/get", item, None),
        ListKind::Resources | ListKind::Templates => operation::reading(item),
    }
}

/// The scopes that the challenge names, as the policy calls them.
fn scopes_of(ruling: &Ruling) -> String {
    let denial = ruling.refusal.as_ref().map(|(denial, _)| denial);
    denial.map_or_else(String::new, |denial| denial.scopes().to_string())
}

fn rules_of(ruling: &Ruling) -> String {
    ruling.rules.join(", ")
}

fn of_person(results: &[Outcomes<'_>], failed: usize) -> String {
    let mut text = String::new();
    for result in results.iter().filter(|one| !one.differences.is_empty()) {
        let case = result.case;
        let _ = writeln!(text, "FAILED {} ({})", case.name.escape_debug(), case.place);
        for difference in &result.differences {
            let Difference {
                what,
                expected,
                found,
            } = difference;
            let _ = writeln!(text, "  {what}: expected {expected:?}, came {found:?}");
        }
        let steps = result.ruling.explanations.iter().map(ToString::to_string);
        for line in steps
            .chain(result.items.iter().cloned())
            .flat_map(|text| lines(&text))
        {
            let _ = writeln!(text, "  {line}");
        }
        if let Some((denial, _)) = &result.ruling.refusal {
            let detail = denial.detail().unwrap_or("no detail");
            let _ = writeln!(text, "  refused: {}, {detail}", denial.code());
        }
    }
    let _ = writeln!(
        text,
        "{} cases, {} passed, {failed} failed",
        results.len(),
        results.len() - failed
    );
    text
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn of_machine(results: &[Outcomes<'_>], failed: usize) -> String {
    let cases: Vec<_> = results.iter().map(machine_case).collect();
    let report = json!({
        "ok": failed == 0,
        "cases": cases,
        "passed": results.len() - failed,
        "failed": failed,
    });
    format!("{report}\n")
}

fn machine_case(result: &Outcomes<'_>) -> Value {
    let differences: Vec<_> = result
        .differences
        .iter()
        .map(|one| json!({ "what": one.what, "expected": one.expected, "found": one.found }))
        .collect();
    json!({
        "name": result.case.name,
        "place": result.case.place,
        "ok": differences.is_empty(),
        "verdict": result.ruling.outcome.as_str(),
        "rules": result.ruling.rules,
        "differences": differences,
    })
}
