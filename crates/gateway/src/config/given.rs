//! What somebody wrote: the words, where they stand, and the list of what is wrong with them.

use std::{fmt, path::PathBuf};

use oauthgate_core::SettingError;
pub(crate) use oauthgate_remote::env::Words;
use oauthgate_remote::{ConfigurationError, PresetChoice, error::Mistake};

use super::env::PREFIX;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag,
    /// A variable of the process environment.
    Environment,
    /// The configuration file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// Nobody set it.
    Default,
    /// It follows from another setting.
    Derived,
    /// The preset says it.
    Preset(PresetChoice),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
            Self::Derived => f.write_str("derived"),
            Self::Preset(choice) => choice.fmt(f),
        }
    }
}

/// A value as somebody wrote it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The setting's name as it was written: `OAUTHGATE_LISTEN`, `--listen`, `listen`.
    pub(crate) setting: String,
    pub(crate) words: Words,
    pub(crate) origin: Origin,
    /// Whether nobody may see the words.
    pub(crate) is_secret: bool,
}

impl Given {
    /// The setting's name with the place where it stands, for a report.
    pub(crate) fn label(&self) -> String {
        match &self.origin {
            Origin::File { .. } => format!("{}: {}", self.origin, self.setting),
            _ => self.setting.clone(),
        }
    }

    /// One of the words for the eyes of an operator.
    pub(crate) fn shown(&self, word: &str) -> String {
        if self.is_secret {
            REDACTED.to_owned()
        } else {
            shown(word)
        }
    }
}

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// Without the words: some are secrets.
impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Given({}, {})", self.setting, self.origin)
    }
}

/// Every mistake found so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    pub(crate) fn add(
        &mut self,
        setting: impl Into<String>,
        value: Option<&str>,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.0.push(Mistake {
            setting: setting.into(),
            value: value.map(shown),
            problem: problem.into(),
            expected: expected.into(),
        });
    }

    /// A mistake in a word that somebody wrote.
    pub(crate) fn add_word(
        &mut self,
        given: &Given,
        word: &str,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.add(given.label(), Some(&given.shown(word)), problem, expected);
    }

    pub(crate) fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    pub(crate) fn add_error(&mut self, given: &Given, value: &str, error: SettingError) {
        self.add_word(given, value, error.problem, error.expected);
    }

    /// The value, or nothing and a mistake in a word that somebody wrote.
    pub(crate) fn unless<T>(
        &mut self,
        given: &Given,
        result: Result<T, (String, SettingError)>,
    ) -> Option<T> {
        result
            .map_err(|(word, error)| self.add_error(given, &word, error))
            .ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them: what stands in no file first, then line by line as an editor shows a file.
    pub(crate) fn into_error(self) -> ConfigurationError {
        let mut mistakes = self.0;
        mistakes.sort_by(|one, other| place(&one.setting).cmp(&place(&other.setting)));
        ConfigurationError { mistakes }
    }
}

/// The file and the line with which a label begins.
fn place(label: &str) -> Option<(&str, usize)> {
    let (place, _) = label.split_once(": ").unwrap_or((label, ""));
    let (path, line) = place.rsplit_once(':')?;
    Some((path, line.parse().ok()?))
}

/// A value for the eyes of an operator: cut, and without the credentials that a URL may carry.
pub(super) fn shown(value: &str) -> String {
    const LONGEST: usize = 256;
    let hidden = hide_user_info(value);
    if hidden.len() <= LONGEST {
        return hidden;
    }
    let end = (0..=LONGEST)
        .rev()
        .find(|&at| hidden.is_char_boundary(at))
        .unwrap_or(0);
    format!("{}…", &hidden[..end])
}

/// `https://user:password@host/` → `https://[redacted]@host/`, in every URL of the text.
fn hide_user_info(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        hidden.push_str(before);
        let authority = after.find(['/', '?', '#', ' ', ',']).unwrap_or(after.len());
        match after[..authority].rfind('@') {
            Some(user_info) => {
                hidden.push_str("[redacted]");
                rest = &after[user_info..];
            }
            None => rest = after,
        }
    }
    hidden.push_str(rest);
    hidden
}

/// The part of a name that tells it from others.
fn distinctive(name: &str) -> &str {
    match name.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => name,
    }
}

/// The known name nearest to a misspelt one, when it is near enough to be meant.
pub(crate) fn nearest<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let near_enough = 1 + distinctive(wrong).len() / 8;
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(
                    &wrong.to_ascii_lowercase(),
                    &name.to_ascii_lowercase(),
                ),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= near_enough || is_cut_short(wrong, name))
        .min()
        .map(|(_, name)| name)
}

/// `OAUTHGATE_STATE_DIR` for `OAUTHGATE_STATE_DIRECTORY`.
fn is_cut_short(wrong: &str, name: &str) -> bool {
    let begins = name.get(..wrong.len());
    distinctive(wrong).len() > 4 && begins.is_some_and(|begins| begins.eq_ignore_ascii_case(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_come_in_the_order_of_their_lines() {
        let mut mistakes = Mistakes::default();
        let labels = [
            "b.toml:2: x",
            "a.toml:10: rule.y",
            "X_Y",
            "a.toml:9",
            "--a:b",
            "a.toml:10: z",
        ];
        for label in labels {
            mistakes.add(label, None, "wrong", "right");
        }
        let error = mistakes.into_error();
        let sorted: Vec<_> = error
            .mistakes
            .iter()
            .map(|one| one.setting.as_str())
            .collect();
        assert_eq!(
            sorted,
            [
                "X_Y",
                "--a:b",
                "a.toml:9",
                "a.toml:10: rule.y",
                "a.toml:10: z",
                "b.toml:2: x"
            ]
        );
    }

    #[test]
    fn credentials_in_urls_are_never_shown() {
        assert_eq!(
            shown("http://user:secret@host/p"),
            "http://[redacted]@host/p"
        );
        assert_eq!(
            shown("https://a, https://u:p@b?x"),
            "https://a, https://[redacted]@b?x"
        );
        assert_eq!(shown("https://host/a@b"), "https://host/a@b");
        assert_eq!(shown("http://u:p@ss@host"), "http://[redacted]@host");
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let cut = shown(&"ö".repeat(200));
        assert_eq!(cut.chars().count(), 129);
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(
            nearest("upstraem", ["upstream", "listen"]),
            Some("upstream")
        );
        assert_eq!(nearest("something_else", ["upstream", "listen"]), None);
    }

    #[test]
    fn a_name_that_was_cut_short_is_suggested_whole() {
        let known = ["OAUTHGATE_LISTEN", "OAUTHGATE_STATE_DIRECTORY"];
        assert_eq!(nearest("OAUTHGATE_STATE_DIR", known), Some(known[1]));
        assert_eq!(nearest("OAUTHGATE_", known), None);
    }

    #[test]
    fn a_shared_prefix_does_not_bring_names_nearer() {
        let known = [
            "OAUTHGATE_JWKS_URL",
            "OAUTHGATE_UPSTREAM",
            "OAUTHGATE_LISTEN",
        ];
        assert_eq!(nearest("OAUTHGATE_REDIS_URL", known), None);
        assert_eq!(nearest("OAUTHGATE_TOKEN", known), None);
        for slip in [
            "OAUTHGATE_JWK_URL",
            "OAUTHGATE_JKWS_URI",
            "oauthgate_jwks_url",
        ] {
            assert_eq!(nearest(slip, known), Some("OAUTHGATE_JWKS_URL"), "{slip}");
        }
    }
}
