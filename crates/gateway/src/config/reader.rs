//! Takes typed values out of a section, notes where each came from, and collects what is wrong.

use std::borrow::Cow;

use oauthgate_core::SettingError;
use oauthgate_remote::env::{Because, Setting, SettingReader};

use super::{
    effective::Effective,
    env::Environment,
    file::setting,
    given::{Given, Mistakes, Origin, Words, shown},
    section::Section,
};

/// Reads one section.
pub(super) struct Reader<'a> {
    pub(super) section: &'a Section,
    /// What the effective settings of this section are called, for example `resource.mcp.`.
    pub(super) prefix: String,
    /// Where a missing name may stand misspelt; none for what only a file can say.
    pub(super) environment: Option<&'a Environment>,
    pub(super) mistakes: &'a mut Mistakes,
    pub(super) effective: &'a mut Vec<Effective>,
}

impl Reader<'_> {
    /// The same for another section of the same name.
    pub(super) fn on<'r>(&'r mut self, section: &'r Section) -> Reader<'r> {
        Reader {
            section,
            prefix: self.prefix.clone(),
            environment: self.environment,
            mistakes: self.mistakes,
            effective: self.effective,
        }
    }

    /// One value. Without one, the default of the documentation, read by the same function.
    pub(super) fn one<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        self.value(setting(key), parse)
    }

    /// One value that must be given.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        let setting = setting(key);
        if !self.is_given(setting) {
            self.missing(setting, setting.expected.into());
        }
        self.value(setting, parse)
    }

    /// A list. Without one, the default of the documentation, or none.
    pub(super) fn many<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, SettingError>,
    ) -> Vec<T> {
        self.values(setting(key), parse)
    }

    /// Records what holds, for `config show`.
    pub(super) fn record(&mut self, key: &str, value: &str, origin: &Origin) {
        self.effective.push(Effective {
            name: format!("{}{key}", self.prefix),
            value: shown(value),
            origin: origin.clone(),
        });
    }

    /// Records what is too long to be cut.
    pub(super) fn record_whole(&mut self, key: &str, value: String, origin: &Origin) {
        self.effective.push(Effective {
            name: format!("{}{key}", self.prefix),
            value,
            origin: origin.clone(),
        });
    }

    fn given(&self, setting: &Setting) -> Option<&Given> {
        self.section.values.get(setting.key)
    }

    /// The setting's name with the place where it stands, or where it is missing.
    fn label(&self, setting: &Setting) -> String {
        match self.given(setting) {
            Some(given) => given.label(),
            None if self.section.place.is_empty() => setting.name.to_owned(),
            None => format!("{}: {}", self.section.place, setting.key),
        }
    }
}

impl SettingReader for Reader<'_> {
    fn is_given(&self, setting: &'static Setting) -> bool {
        self.given(setting).is_some()
    }

    fn words(&mut self, setting: &'static Setting) -> Option<Words> {
        self.given(setting).map(|given| given.words.clone())
    }

    fn refuse(&mut self, setting: &'static Setting, word: Option<&str>, error: SettingError) {
        let word = match (word, self.given(setting)) {
            (Some(word), Some(given)) => Some(given.shown(word)),
            (word, _) => word.map(str::to_owned),
        };
        let label = self.label(setting);
        self.mistakes
            .add(label, word.as_deref(), error.problem, error.expected);
    }

    fn slip(&self, setting: &'static Setting) -> Option<String> {
        let slip = self.environment?.nearest_to(setting.name)?;
        Some(slip.to_owned())
    }

    fn missing(&mut self, setting: &'static Setting, expected: Cow<'static, str>) {
        let problem = match self.slip(setting) {
            Some(other) => format!("required and not set ({other} is set; is it a slip?)"),
            None => "required and not set".to_owned(),
        };
        let label = self.label(setting);
        self.mistakes.add(label, None, problem, expected);
    }

    fn note(&mut self, setting: &'static Setting, value: &str, because: Because) {
        let (value, origin) = match (because, self.given(setting)) {
            (Because::Given, Some(given)) => (given.shown(value), given.origin.clone()),
            (Because::Derived, _) => (value.to_owned(), Origin::Derived),
            (Because::Preset(choice), _) => (value.to_owned(), Origin::Preset(choice)),
            _ => (value.to_owned(), Origin::Default),
        };
        self.record(setting.key, &value, &origin);
    }
}
