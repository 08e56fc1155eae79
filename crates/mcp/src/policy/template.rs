//! Which URIs a template may stand for (RFC 6570), as far as patterns can tell.

use std::collections::HashSet;

use super::Pattern;

/// How long a template may be, in bytes; a longer one is taken for a URI.
const LONGEST: usize = 2 * 1024;

/// A part of a text that is not known as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// This character.
    Is(char),
    /// Any characters.
    Any,
    /// Any characters but `/`: what a plain expression expands to encodes it.
    Segment,
}

/// The parts of a template: each expression in braces stands for what it may expand to.
pub(super) fn parts(template: &str) -> Vec<Part> {
    if template.len() > LONGEST {
        return template.chars().map(Part::Is).collect();
    }
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((expression, behind)) = after.split_once('}') else {
            break;
        };
        parts.extend(before.chars().map(Part::Is));
        parts.push(
            match expression.starts_with(['+', '#', '.', '/', ';', '?', '&']) {
                true => Part::Any,
                false => Part::Segment,
            },
        );
        rest = behind;
    }
    parts.extend(rest.chars().map(Part::Is));
    parts
}

/// A text that is both what the template may stand for and one of the pattern's names.
pub(super) fn common(template: &[Part], pattern: &Pattern) -> Option<String> {
    let pattern = pattern.parts();
    let mut seen = HashSet::new();
    let mut open = vec![(0, 0, String::new())];
    while let Some((here, there, text)) = open.pop() {
        let (one, other) = (template.get(here), pattern.get(there));
        if one.is_none() && other.is_none() {
            return Some(text);
        }
        if !seen.insert((here, there)) {
            continue;
        }
        let one_is_open = matches!(one, Some(Part::Any | Part::Segment));
        let other_is_open = matches!(other, Some(Part::Any | Part::Segment));
        if let (Some(Part::Is(one)), Some(Part::Is(other))) = (one, other)
            && one == other
        {
            open.push((here + 1, there + 1, with(&text, *one)));
        }
        if let (true, Some(Part::Is(other))) = (one_is_open, other)
            && (one != Some(&Part::Segment) || *other != '/')
        {
            open.push((here, there + 1, with(&text, *other)));
        }
        if let (Some(Part::Is(one)), true) = (one, other_is_open) {
            open.push((here + 1, there, with(&text, *one)));
        }
        if one_is_open {
            open.push((here + 1, there, text.clone()));
        }
        if other_is_open {
            open.push((here, there + 1, text));
        }
    }
    None
}

fn with(text: &str, character: char) -> String {
    let mut longer = text.to_owned();
    longer.push(character);
    longer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meet(template: &str, pattern: &str) -> Option<String> {
        common(&parts(template), &Pattern::parse(pattern).unwrap())
    }

    #[test]
    fn finds_a_uri_of_a_template_that_a_pattern_matches() {
        for (template, pattern) in [
            ("file:///public/{name}", "file:///public/*"),
            ("file:///{+path}", "file:///public/*.txt"),
            ("{scheme}:///a", "*:///a"),
            ("file:///{a}/{b}", "file:///*/secret"),
            ("memo://x", "memo://x"),
            ("file:///{name", "file:///{name"),
        ] {
            let found = meet(template, pattern).unwrap();
            assert!(Pattern::parse(pattern).unwrap().matches(&found), "{found}");
        }
    }

    #[test]
    fn finds_none_where_there_is_none() {
        for (template, pattern) in [
            ("file:///private/{name}", "file:///public/*"),
            ("file:///{name}", "file:///public/*"),
            ("memo://{x}", "memo://x/y"),
            ("memo://{x}/z", "memo://*/y"),
        ] {
            assert_eq!(meet(template, pattern), None, "{template} {pattern}");
        }
    }
}
