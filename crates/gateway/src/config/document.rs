//! A TOML file, with the line of everything that stands in it.

use std::path::Path;

use toml::de::DeTable;

use super::given::{Mistakes, Origin, shown};

/// The text of a file, and where its lines begin.
pub(crate) struct Document<'a> {
    pub(crate) path: &'a Path,
    text: &'a str,
    line_feeds: Vec<usize>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(path: &'a Path, text: &'a str) -> Self {
        let line_feeds = text.bytes().enumerate();
        let line_feeds = line_feeds.filter_map(|(at, byte)| (byte == b'\n').then_some(at));
        Self {
            path,
            text,
            line_feeds: line_feeds.collect(),
        }
    }

    /// Its top-level table; nothing and a mistake when the text is no TOML.
    pub(crate) fn table(&self, mistakes: &mut Mistakes) -> Option<DeTable<'a>> {
        match DeTable::parse(self.text) {
            Ok(table) => Some(table.into_inner()),
            Err(error) => {
                mistakes.add(
                    self.place(error.span().map_or(0, |span| span.start)),
                    None,
                    format!("not TOML: {}", shown(error.message())),
                    "a file as https://toml.io describes it",
                );
                None
            }
        }
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        1 + self.line_feeds.partition_point(|&at| at < offset)
    }

    pub(crate) fn origin(&self, offset: usize) -> Origin {
        Origin::File {
            path: self.path.to_owned(),
            line: self.line(offset),
        }
    }

    /// `file:line`.
    pub(crate) fn place(&self, offset: usize) -> String {
        self.origin(offset).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        let document = Document::new(Path::new("a.toml"), "a = 1\nb = 2\n");
        let lines = [0, 4, 5, 6, 11, 12].map(|at| document.line(at));
        assert_eq!(lines, [1, 1, 1, 2, 2, 3]);
        assert_eq!(document.place(6), "a.toml:2");
    }
}
