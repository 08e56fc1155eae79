//! Settings out of a function from names to values, such as the environment of a process.

use std::{borrow::Cow, path::Path};

use oauthgate_core::SettingError;

use super::{Because, Setting, SettingReader, Words, secret_file};
use crate::error::Mistake;

/// Reads settings by the names of their variables.
pub(super) struct Lookup<F> {
    lookup: F,
    pub(super) mistakes: Vec<Mistake>,
}

impl<F: Fn(&str) -> Option<String>> Lookup<F> {
    pub(super) fn new(lookup: F) -> Self {
        Self {
            lookup,
            mistakes: Vec::new(),
        }
    }

    /// The names under which something is written, with it.
    fn found(&self, setting: &Setting) -> impl Iterator<Item = (&'static str, String)> {
        setting
            .names()
            .filter_map(|name| Some((name, (self.lookup)(name)?)))
    }

    fn report(&mut self, name: &str, word: Option<&str>, error: SettingError) {
        self.mistakes.push(Mistake::new(name, word, error));
    }
}

impl<F: Fn(&str) -> Option<String>> SettingReader for Lookup<F> {
    fn is_given(&self, setting: &'static Setting) -> bool {
        self.found(setting).next().is_some()
    }

    fn words(&mut self, setting: &'static Setting) -> Option<Words> {
        let mut found = self.found(setting);
        let (name, text) = found.next()?;
        let other = found.next();
        drop(found);
        if let Some((other, _)) = other {
            let error = SettingError::new(format!("{name} is set as well"), "one of the two");
            self.report(other, None, error);
            return None;
        }
        if name == setting.name {
            return Some(Words::One(text));
        }
        match secret_file(Path::new(&text)) {
            Ok(secret) => Some(Words::One(secret)),
            Err(error) => {
                self.report(name, Some(&text), error);
                None
            }
        }
    }

    fn refuse(&mut self, setting: &'static Setting, word: Option<&str>, error: SettingError) {
        let named = self.found(setting).next().map(|(name, _)| name);
        let word = match setting.secret {
            Some(_) => word.map(|_| "[redacted]"),
            None => word,
        };
        self.report(named.unwrap_or(setting.name), word, error);
    }

    fn missing(&mut self, setting: &'static Setting, expected: Cow<'static, str>) {
        let error = SettingError::new("required and not set", expected);
        self.report(setting.name, None, error);
    }

    /// Nobody asks a program why a value holds.
    fn note(&mut self, _setting: &'static Setting, _value: &str, _because: Because) {}
}
