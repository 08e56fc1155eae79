//! Names with stars in them.

use oauthgate_core::SettingError;

use super::{
    lookalike,
    template::{self, Part},
};

/// A name, or many: `*` is any run of characters, also none and also with `/` in it; `\*` is a star.
/// Nothing else is special, and letters compare byte for byte.
///
/// ```
/// use oauthgate_mcp::policy::Pattern;
///
/// let readers = Pattern::parse("read_*")?;
/// assert!(readers.matches("read_file") && readers.matches("read_"));
/// assert!(!readers.matches("Read_file") && !readers.matches("unread_file"));
/// assert!(Pattern::parse(r"2\*3")?.matches("2*3"));
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    exact: Shape,
    folded: Shape,
}

/// What stands between the stars.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Name(String),
    Stars {
        start: String,
        between: Vec<String>,
        end: String,
    },
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is empty, or holds a NUL, which no message holds: then it could match nothing.
    pub fn parse(text: impl Into<String>) -> Result<Self, SettingError> {
        let text = text.into();
        if text.is_empty() || text.contains('\0') {
            return Err(SettingError::new(
                "the pattern is empty or holds a NUL, so that it can match nothing",
                "a name, or a part of one with stars, for example read_*",
            ));
        }
        Ok(Self {
            exact: Shape::of(pieces(&text)),
            folded: Shape::of(
                pieces(lookalike::trimmed(&text))
                    .map(|piece| lookalike::folded(&piece).into_owned()),
            ),
            text,
        })
    }

    /// The same pattern of URIs, which careless readers also decode.
    pub(super) fn of_uris(self) -> Self {
        let pieces: Vec<_> = pieces(lookalike::trimmed(&self.text)).collect();
        let folded = pieces
            .iter()
            .enumerate()
            .map(|(position, piece)| match position {
                0 if pieces.len() == 1 => lookalike::of_uri(piece),
                0 => lookalike::of_start_of_uri(piece),
                _ => lookalike::of_part_of_uri(piece),
            });
        Self {
            folded: Shape::of(folded),
            ..self
        }
    }

    /// Whether this is one of the names.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.exact.matches(name)
    }

    /// Whether the pattern is this very name, without any star.
    #[must_use]
    pub fn is_literally(&self, name: &str) -> bool {
        matches!(&self.exact, Shape::Name(literal) if literal == name)
    }

    /// Whether a reader that ignores case and blanks would take this for one of the names. The name was
    /// [`lookalike::folded`].
    pub(super) fn matches_folded(&self, name: &str) -> bool {
        self.folded.matches(name)
    }

    /// Whether a reader that ignores case and blanks would take this for one of the names.
    pub(crate) fn is_alike(&self, name: &str) -> bool {
        self.matches_folded(&lookalike::of_name(name))
    }

    /// Whether it is more than one name.
    pub(crate) fn has_stars(&self) -> bool {
        matches!(self.exact, Shape::Stars { .. })
    }

    /// Whether there is a name that both match.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        template::common(&self.parts(), other).is_some()
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The pattern of this one name, whatever is in it.
    pub(super) fn literal(name: &str) -> Option<Self> {
        Self::parse(name.replace('*', r"\*")).ok()
    }

    pub(super) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        for (position, piece) in pieces(&self.text).enumerate() {
            if position > 0 {
                parts.push(Part::Any);
            }
            parts.extend(piece.chars().map(Part::Is));
        }
        parts
    }

    /// A name that it matches: each star stands for `filler`.
    pub(super) fn sample(&self, filler: &str) -> String {
        match &self.exact {
            Shape::Name(name) => name.clone(),
            Shape::Stars {
                start,
                between,
                end,
            } => {
                let between = between.iter().map(String::as_str);
                let all: Vec<_> = std::iter::once(start.as_str())
                    .chain(between)
                    .chain([end.as_str()])
                    .collect();
                all.join(filler)
            }
        }
    }
}

impl Shape {
    fn of(pieces: impl Iterator<Item = String>) -> Self {
        let mut pieces: Vec<_> = pieces.collect();
        let end = pieces.pop().unwrap_or_default();
        if pieces.is_empty() {
            return Self::Name(end);
        }
        let start = pieces.remove(0);
        pieces.retain(|piece| !piece.is_empty());
        Self::Stars {
            start,
            between: pieces,
            end,
        }
    }

    /// In time linear in the name: of each piece the first place is as good as any.
    fn matches(&self, name: &str) -> bool {
        let (start, between, end) = match self {
            Self::Name(literal) => return literal == name,
            Self::Stars {
                start,
                between,
                end,
            } => (start, between, end),
        };
        let rest = name.strip_prefix(start.as_str());
        let rest = rest.and_then(|rest| rest.strip_suffix(end.as_str()));
        let after = |rest: &'_ str, piece: &String| {
            rest.split_once(piece.as_str())
                .map(|(_, after)| after.len())
        };
        let Some(mut rest) = rest else { return false };
        between.iter().all(|piece| {
            let left = after(rest, piece).and_then(|left| rest.get(rest.len() - left..));
            rest = left.unwrap_or_default();
            left.is_some()
        })
    }
}

/// What stands before, between and after the stars: one piece more than there are stars.
fn pieces(text: &str) -> impl Iterator<Item = String> {
    let mut pieces = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' => pieces.push(String::new()),
            '\\' if characters.next_if_eq(&'*').is_some() => push(&mut pieces, '*'),
            other => push(&mut pieces, other),
        }
    }
    pieces.into_iter()
}

fn push(pieces: &mut [String], character: char) {
    if let Some(last) = pieces.last_mut() {
        last.push(character);
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
