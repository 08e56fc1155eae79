//! Takes typed values out of a section, notes where each came from, and collects what is wrong.

use oauthgate_core::SettingError;

use super::{
    effective::Effective,
    env::variable,
    given::{Given, Mistakes, Origin, Words, shown},
    section::Section,
};

/// Reads one section.
pub(super) struct Reader<'a> {
    pub(super) section: &'a Section,
    /// What the effective settings of this section are called, for example `resource.mcp.`.
    pub(super) prefix: String,
    pub(super) mistakes: &'a mut Mistakes,
    pub(super) effective: &'a mut Vec<Effective>,
}

impl Reader<'_> {
    /// One value. Without one, the default of the documentation, read by the same function.
    pub(super) fn one<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        let Some(given) = self.section.values.get(key) else {
            return self.default(key, parse);
        };
        let value = match &given.words {
            Words::One(value) => sound(value, given, self.mistakes)?,
            Words::Many(values) => {
                self.mistakes.add_word(
                    given,
                    &values.join(", "),
                    "a list, where one value is expected",
                    expected(key),
                );
                return None;
            }
        };
        self.note(key, &given.shown(value), &given.origin);
        parse(value)
            .map_err(|error| self.mistakes.add_error(given, value, error))
            .ok()
    }

    /// One value that must be given.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        nearest: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        if self.section.values.contains_key(key) {
            return self.one(key, parse);
        }
        self.missing(key, nearest);
        None
    }

    /// A list. Without one, the default of the documentation, or none.
    pub(super) fn many<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, SettingError>,
    ) -> Vec<T> {
        let Some(given) = self.section.values.get(key) else {
            let parse_all = |text: &str| text.split(' ').map(&parse).collect();
            return self.default(key, parse_all).unwrap_or_default();
        };
        let items = list(given, self.mistakes);
        self.note(key, &items.join(" "), &given.origin);
        each(given, &items, parse, self.mistakes)
    }

    /// Reports a setting that must be given and is not.
    pub(super) fn missing(&mut self, key: &'static str, nearest: Option<&str>) {
        let name = variable(key).map_or(key, |variable| variable.name);
        let in_file = !self.section.place.is_empty();
        let setting = if in_file {
            format!("{}: {key}", self.section.place)
        } else {
            name.to_owned()
        };
        let problem = match nearest {
            Some(other) => format!("required and not set ({other} is set; is it a slip?)"),
            None => "required and not set".to_owned(),
        };
        self.mistakes.add(setting, None, problem, expected(key));
    }

    fn default<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        let text = variable(key)?.default?;
        self.note(key, text, &Origin::Default);
        parse(text).ok()
    }

    /// Records what holds, for `config show`.
    pub(super) fn note(&mut self, key: &str, value: &str, origin: &Origin) {
        self.effective.push(Effective {
            name: format!("{}{key}", self.prefix),
            value: shown(value),
            origin: origin.clone(),
        });
    }
}

/// What to write for a key.
pub(super) fn expected(key: &str) -> &'static str {
    variable(key).map_or("a value", |variable| variable.expected)
}

/// The items of a list: a TOML list, or words separated by blanks or commas.
pub(super) fn list(given: &Given, mistakes: &mut Mistakes) -> Vec<String> {
    match &given.words {
        Words::One(text) => split(text, given, mistakes),
        Words::Many(items) if items.is_empty() => {
            mistakes.add(
                given.label(),
                Some("[]"),
                "an empty list",
                "at least one item, or leave the setting out",
            );
            Vec::new()
        }
        Words::Many(items) => items
            .iter()
            .filter_map(|item| sound(item, given, mistakes))
            .map(str::to_owned)
            .collect(),
    }
}

fn split(text: &str, given: &Given, mistakes: &mut Mistakes) -> Vec<String> {
    let Some(text) = sound(text, given, mistakes) else {
        return Vec::new();
    };
    if text.split(',').any(|part| part.trim().is_empty()) {
        mistakes.add_word(
            given,
            text,
            "a comma with nothing before or after it",
            "items separated by blanks or single commas",
        );
        return Vec::new();
    }
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|item| !item.is_empty())
        .filter_map(|item| sound(item, given, mistakes))
        .map(str::to_owned)
        .collect()
}

/// Parses each item; every wrong one is a mistake of its own.
pub(super) fn each<T>(
    given: &Given,
    items: &[String],
    parse: impl Fn(&str) -> Result<T, SettingError>,
    mistakes: &mut Mistakes,
) -> Vec<T> {
    items
        .iter()
        .filter_map(|item| {
            parse(item)
                .map_err(|error| mistakes.add_error(given, item, error))
                .ok()
        })
        .collect()
}

/// A value that is neither empty nor blank, nor still wears the quotes of a shell or an `.env` file.
fn sound<'v>(value: &'v str, given: &Given, mistakes: &mut Mistakes) -> Option<&'v str> {
    let quoted = |quote| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    let (problem, expected) = if value.trim().is_empty() {
        (
            "empty: an empty setting is not the same as none",
            "a value, or leave the setting out",
        )
    } else if quoted('"') || quoted('\'') {
        (
            "the quotes are part of the value",
            "the same without quotes",
        )
    } else if value.trim() != value {
        (
            "blanks around the value",
            "the same without blanks around it",
        )
    } else {
        return Some(value);
    };
    mistakes.add_word(given, value, problem, expected);
    None
}
