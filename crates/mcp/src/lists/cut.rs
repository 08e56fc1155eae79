//! Changes to a text that leave the rest of it alone.

use std::ops::Range;

/// Replacements in one text, noted from its beginning to its end.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    cuts: Vec<(Range<usize>, &'static str)>,
}

impl Cuts {
    /// Takes this range out.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        match self.cuts.last_mut() {
            Some((last, "")) if last.end == range.start => last.end = range.end,
            _ => self.cuts.push((range, "")),
        }
    }

    /// Writes this in its place.
    pub(super) fn replace(&mut self, range: Range<usize>, text: &'static str) {
        self.cuts.push((range, text));
    }

    /// The text after all replacements; nothing when there are none.
    pub(super) fn apply(mut self, text: &str) -> Option<String> {
        if self.cuts.is_empty() {
            return None;
        }
        self.cuts.sort_by_key(|(range, _)| range.start);
        let (mut changed, mut done) = (String::with_capacity(text.len()), 0);
        for (range, replacement) in self.cuts {
            changed.push_str(text.get(done..range.start).unwrap_or_default());
            changed.push_str(replacement);
            done = range.end;
        }
        changed.push_str(text.get(done..).unwrap_or_default());
        Some(changed)
    }
}
