//! Words of a table into what they mean. What cannot be understood is reported, and breaks the table.

use oauthgate_core::SettingError;
use oauthgate_remote::env::items_of;

use super::given::{Given, Mistakes, Words};

/// Reads the words of one table.
pub(super) struct WordReader<'a> {
    pub(super) is_broken: bool,
    pub(super) mistakes: &'a mut Mistakes,
}

impl<'a> WordReader<'a> {
    pub(super) fn new(mistakes: &'a mut Mistakes) -> Self {
        Self {
            is_broken: false,
            mistakes,
        }
    }

    /// The value, or a mistake in this word.
    pub(super) fn ok<T>(
        &mut self,
        given: &Given,
        word: &str,
        result: Result<T, SettingError>,
    ) -> Option<T> {
        let result = result.map_err(|error| (word.to_owned(), error));
        let value = self.mistakes.unless(given, result);
        self.is_broken |= value.is_none();
        value
    }

    /// What every word of a list means. An empty list is a mistake.
    pub(super) fn each<T>(
        &mut self,
        given: &Given,
        parse: impl Fn(&str) -> Result<T, SettingError>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for item in items_of(&given.words) {
            let (word, result) = match item {
                Ok(word) => (word.clone(), parse(&word)),
                Err((word, error)) => (word, Err(error)),
            };
            values.extend(self.ok(given, &word, result));
        }
        values
    }

    /// What every word of a list means that may be empty.
    pub(super) fn each_if_any<T>(
        &mut self,
        given: &Given,
        parse: impl Fn(&str) -> Result<T, SettingError>,
    ) -> Vec<T> {
        match &given.words {
            Words::Many(words) if words.is_empty() => Vec::new(),
            _ => self.each(given, parse),
        }
    }
}

/// Words that are one.
pub(super) fn one_word(given: &Given) -> &str {
    match &given.words {
        Words::One(word) => word,
        Words::Many(words) => words.first().map_or("", String::as_str),
    }
}
