//! How settings are read, wherever they are written: one value, a list, a default, and why it holds.

use std::borrow::Cow;

use oauthgate_core::SettingError;

use super::{Setting, plain};
use crate::preset_choice::PresetChoice;

/// What somebody wrote for a setting; only a file can say which of the two it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// One value, or a list in one text.
    One(String),
    /// A list.
    Many(Vec<String>),
}

/// Why a value holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Because {
    /// Somebody set it.
    Given,
    /// Nobody set it.
    Default,
    /// It follows from another setting.
    Derived,
    /// The preset says it.
    Preset(PresetChoice),
}

/// A place where settings are written: the environment of a process, a table of a file. The methods
/// without a body say where words stand and collect what is found; the others read.
pub trait SettingReader {
    /// Whether somebody wrote anything for the setting, good or bad.
    fn is_given(&self, setting: &'static Setting) -> bool;

    /// What somebody wrote. `None` when nobody did, and when it cannot be had, which is then reported.
    fn words(&mut self, setting: &'static Setting) -> Option<Words>;

    /// Reports a mistake in a setting, and the word that it is in. A secret is not repeated.
    fn refuse(&mut self, setting: &'static Setting, word: Option<&str>, error: SettingError);

    /// A name that somebody set and nobody knows, if it could be meant for the setting.
    fn slip(&self, _setting: &'static Setting) -> Option<String> {
        None
    }

    /// Reports that a setting must be given and is not, with what to write.
    fn missing(&mut self, setting: &'static Setting, expected: Cow<'static, str>);

    /// Records what holds, and why.
    fn note(&mut self, setting: &'static Setting, value: &str, because: Because);

    /// One value. Without one, the default of the documentation, read by the same function. `None` when
    /// there is neither, and when there is a mistake, which is then reported.
    fn value<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        if !self.is_given(setting) {
            return self.default_of(setting, parse);
        }
        let word = match self.words(setting)? {
            Words::One(word) => word,
            Words::Many(words) => {
                let error =
                    SettingError::new("a list, where one value is expected", setting.expected);
                self.refuse(setting, Some(&words.join(", ")), error);
                return None;
            }
        };
        let value = self.ok(setting, &word, plain(&word))?;
        self.note(setting, value, Because::Given);
        let parsed = parse(value);
        self.ok(setting, value, parsed)
    }

    /// A list. Without one, the default of the documentation, or nothing. Every wrong item is a mistake
    /// of its own.
    fn values<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Result<T, SettingError>,
    ) -> Vec<T> {
        if !self.is_given(setting) {
            let all = |text: &str| text.split(' ').map(&parse).collect();
            return self.default_of(setting, all).unwrap_or_default();
        }
        let items = self.items(setting);
        self.note(setting, &items.join(" "), Because::Given);
        let parsed = items
            .iter()
            .filter_map(|item| self.ok(setting, item, parse(item)));
        parsed.collect()
    }

    /// The items of a list that somebody wrote.
    fn items(&mut self, setting: &'static Setting) -> Vec<String> {
        let words = self.words(setting);
        let items = words.iter().flat_map(items_of).filter_map(|item| {
            item.map_err(|(word, error)| self.refuse(setting, Some(&word), error))
                .ok()
        });
        items.collect()
    }

    /// The default of the documentation.
    fn default_of<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        let text = setting.default?;
        self.note(setting, text, Because::Default);
        parse(text).ok()
    }

    /// The value, or `None` and a report.
    fn ok<T>(
        &mut self,
        setting: &'static Setting,
        word: &str,
        result: Result<T, SettingError>,
    ) -> Option<T> {
        result
            .map_err(|error| self.refuse(setting, Some(word), error))
            .ok()
    }
}

/// The items of a list: a list of a file, or words separated by blanks or commas. What is wrong comes
/// with the word that it is in.
#[must_use]
pub fn items_of(words: &Words) -> Vec<Result<String, (String, SettingError)>> {
    let items = match words {
        Words::Many(items) if items.is_empty() => {
            let error = SettingError::new(
                "an empty list",
                "at least one item, or leave the setting out",
            );
            return vec![Err(("[]".to_owned(), error))];
        }
        Words::Many(items) => items.clone(),
        Words::One(text) => match split(text) {
            Ok(items) => items,
            Err(error) => return vec![Err((text.clone(), error))],
        },
    };
    let sound = |item: String| match plain(&item) {
        Ok(_) => Ok(item),
        Err(error) => Err((item, error)),
    };
    items.into_iter().map(sound).collect()
}

fn split(text: &str) -> Result<Vec<String>, SettingError> {
    let text = plain(text)?;
    if text.split(',').any(|part| part.trim().is_empty()) {
        return Err(SettingError::new(
            "a comma with nothing before or after it",
            "items separated by blanks or single commas",
        ));
    }
    let items = text.split(|c: char| c == ',' || c.is_whitespace());
    Ok(items
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect())
}
