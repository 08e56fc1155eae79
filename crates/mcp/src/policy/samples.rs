//! Texts in which a regular expression is found, to find out whether there is any argument with which a
//! call would pass.

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// How many texts are made up for an expression.
const MAX_SAMPLES: usize = 24;
/// How long one may be, in bytes.
const LONGEST: usize = 512;
/// The characters that texts are made of, where a class leaves the choice.
const PREFERRED: [char; 6] = ['x', '0', 'A', '_', '/', 'é'];

/// Some texts that the expression may match, short and unlike each other. What it says about boundaries
/// is ignored, so that each is to be tried.
pub(super) fn of(expression: &str) -> Vec<String> {
    match regex_syntax::parse(expression) {
        Ok(hir) => texts(&hir),
        Err(_) => Vec::new(),
    }
}

fn texts(hir: &Hir) -> Vec<String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => characters(class),
        HirKind::Repetition(repetition) => repeated(repetition),
        HirKind::Capture(capture) => texts(&capture.sub),
        HirKind::Concat(parts) => parts.iter().fold(vec![String::new()], |starts, part| {
            joined(&starts, &texts(part))
        }),
        HirKind::Alternation(parts) => {
            let lists: Vec<_> = parts.iter().map(texts).collect();
            fewer(interleaved(&lists))
        }
    }
}

fn characters(class: &Class) -> Vec<String> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect(),
        Class::Bytes(class) => class
            .iter()
            .map(|range| (char::from(range.start()), char::from(range.end())))
            .collect(),
    };
    let is_in = |wanted: &char| {
        let mut ranges = ranges.iter();
        ranges.any(|(start, end)| (start..=end).contains(&wanted))
    };
    let preferred = PREFERRED.into_iter().filter(is_in);
    let edges = ranges.iter().flat_map(|(start, end)| [*start, *end]);
    let mut all: Vec<char> = preferred.chain(edges.take(4)).collect();
    all.dedup();
    all.into_iter().map(String::from).collect()
}

/// As often as it must be, and once more.
fn repeated(repetition: &Repetition) -> Vec<String> {
    let least = usize::try_from(repetition.min).unwrap_or(usize::MAX);
    let more = least.saturating_add(1);
    let may_be_more = repetition
        .max
        .is_none_or(|most| usize::try_from(most).is_ok_and(|most| most >= more));
    let once = texts(&repetition.sub);
    let least_of = once.iter().filter_map(|text| times(text, least));
    let more_of = once.iter().filter_map(|text| times(text, more));
    let mut all: Vec<_> = least_of.collect();
    if may_be_more {
        all.extend(more_of);
    }
    fewer(all)
}

fn times(text: &str, count: usize) -> Option<String> {
    let length = text.len().checked_mul(count)?;
    (length <= LONGEST).then(|| text.repeat(count))
}

/// Each start with each end, the first ones first.
fn joined(starts: &[String], ends: &[String]) -> Vec<String> {
    let pairs = starts
        .iter()
        .flat_map(|start| ends.iter().map(move |end| format!("{start}{end}")));
    fewer(pairs.filter(|text| text.len() <= LONGEST).collect())
}

/// The first of each list, then the second, and so on.
fn interleaved(lists: &[Vec<String>]) -> Vec<String> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or_default();
    let at = |position: usize| {
        let lists = lists.iter();
        lists.filter_map(move |list| list.get(position).cloned())
    };
    (0..longest).flat_map(at).collect()
}

/// Without repetitions, evenly out of all when there are too many.
fn fewer(mut all: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    all.retain(|text| seen.insert(text.clone()));
    let step = all.len().div_ceil(MAX_SAMPLES).max(1);
    all.into_iter().step_by(step).collect()
}
