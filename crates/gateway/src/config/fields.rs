//! The entries of one TOML table, each read as what it must be.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    document::Document,
    given::{Given, Mistakes, Words, nearest},
};

/// A table of a file, and how its keys are called in a report.
pub(crate) struct Fields<'a, 'd, 'i> {
    pub(crate) document: &'a Document<'d>,
    pub(crate) table: &'a DeTable<'i>,
    /// `rule.any_of.`, for example.
    pub(crate) prefix: &'static str,
}

/// A key and its value.
pub(crate) type Entry<'a, 'i> = (&'a Spanned<Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

impl<'a, 'd, 'i> Fields<'a, 'd, 'i> {
    /// Reports the keys that mean nothing here; whether there are none.
    pub(crate) fn only(&self, known: &[&'static str], mistakes: &mut Mistakes) -> bool {
        let unknown = |entry: &Entry<'a, 'i>| !known.contains(&entry.0.get_ref().as_ref());
        let unknown: Vec<_> = self.table.iter().filter(unknown).collect();
        for entry in &unknown {
            let expected = match nearest(entry.0.get_ref(), known.iter().copied()) {
                Some(meant) => format!("`{meant}`, if that is what you mean; otherwise remove it"),
                None => format!("one of {}; remove it", known.join(", ")),
            };
            let given = self.given(*entry, Words::Many(Vec::new()));
            mistakes.add(
                given.label(),
                None,
                "there is no key of this name here",
                expected,
            );
        }
        unknown.is_empty()
    }

    /// The entry with this key.
    pub(crate) fn entry(&self, key: &str) -> Option<Entry<'a, 'i>> {
        self.table.get_key_value(key)
    }

    /// The words of an entry with their place.
    pub(crate) fn given(&self, (key, _): Entry<'_, '_>, words: Words) -> Given {
        let name: String = key.get_ref().escape_debug().take(256).collect();
        Given {
            setting: format!("{}{name}", self.prefix),
            words,
            origin: self.document.origin(key.span().start),
            is_secret: false,
        }
    }

    /// A text.
    pub(crate) fn text(&self, key: &str, expected: &str, mistakes: &mut Mistakes) -> Read<Given> {
        self.read(key, expected, mistakes, |entry| {
            let text = entry.1.get_ref().as_str()?;
            Some(self.given(entry, Words::One(text.to_owned())))
        })
    }

    /// A list of texts with at least one in it.
    pub(crate) fn texts(&self, key: &str, expected: &str, mistakes: &mut Mistakes) -> Read<Given> {
        self.read(key, expected, mistakes, |entry| {
            let texts = texts(entry.1.get_ref()).filter(|texts| !texts.is_empty())?;
            Some(self.given(entry, Words::Many(texts)))
        })
    }

    /// A list of texts, perhaps an empty one.
    pub(crate) fn any_texts(
        &self,
        key: &str,
        expected: &str,
        mistakes: &mut Mistakes,
    ) -> Read<Given> {
        self.read(key, expected, mistakes, |entry| {
            Some(self.given(entry, Words::Many(texts(entry.1.get_ref())?)))
        })
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, key: &str, mistakes: &mut Mistakes) -> Read<(bool, Given)> {
        self.read(key, "true or false, without quotes", mistakes, |entry| {
            let flag = entry.1.get_ref().as_bool()?;
            Some((flag, self.given(entry, Words::One(flag.to_string()))))
        })
    }

    /// One text, number or boolean.
    pub(crate) fn scalar(
        &self,
        key: &str,
        expected: &str,
        mistakes: &mut Mistakes,
    ) -> Read<(Given, Vec<Value>)> {
        self.read(key, expected, mistakes, |entry| {
            let value = scalar(entry.1.get_ref())?;
            let given = self.given(entry, Words::One(value.to_string()));
            Some((given, vec![value]))
        })
    }

    /// A list of texts, numbers and booleans with at least one in it.
    pub(crate) fn scalars(
        &self,
        key: &str,
        expected: &str,
        mistakes: &mut Mistakes,
    ) -> Read<(Given, Vec<Value>)> {
        self.read(key, expected, mistakes, |entry| {
            let values = scalars(entry.1.get_ref())?;
            let words = values.iter().map(Value::to_string).collect();
            Some((self.given(entry, Words::Many(words)), values))
        })
    }

    /// A table.
    pub(crate) fn table(
        &self,
        key: &str,
        expected: &str,
        mistakes: &mut Mistakes,
    ) -> Read<&'a DeTable<'i>> {
        self.read(key, expected, mistakes, |entry| {
            entry.1.get_ref().as_table()
        })
    }

    /// A list of tables with at least one in it, each with the place where it begins.
    pub(crate) fn tables(
        &self,
        key: &str,
        expected: &str,
        mistakes: &mut Mistakes,
    ) -> Read<Vec<(usize, &'a DeTable<'i>)>> {
        self.read(key, expected, mistakes, |entry| {
            let elements = entry.1.get_ref().as_array()?.iter();
            let tables: Option<Vec<_>> = elements
                .map(|element| Some((element.span().start, element.get_ref().as_table()?)))
                .collect();
            tables.filter(|tables| !tables.is_empty())
        })
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        mistakes: &mut Mistakes,
        read: impl FnOnce(Entry<'a, 'i>) -> Option<T>,
    ) -> Read<T> {
        let Some(entry) = self.entry(key) else {
            return Read::Absent;
        };
        if let Some(value) = read(entry) {
            return Read::Good(value);
        }
        let value = entry.1.get_ref();
        let problem = match value {
            DeValue::Array(elements) if elements.is_empty() => "an empty list".to_owned(),
            DeValue::Array(_) => "a list with something else in it".to_owned(),
            value => format!("a TOML {}", value.type_str()),
        };
        let given = self.given(entry, Words::Many(Vec::new()));
        let text = scalar(value).map(|value| match value {
            Value::String(text) => text,
            value => value.to_string(),
        });
        mistakes.add(given.label(), text.as_deref(), problem, expected);
        Read::Bad
    }
}

/// What became of an entry.
#[derive(Debug)]
pub(crate) enum Read<T> {
    /// Nobody wrote it.
    Absent,
    /// It is what it must be.
    Good(T),
    /// It is something else, which was reported.
    Bad,
}

impl<T> Read<T> {
    /// The same with another value.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Read<U> {
        match self {
            Self::Absent => Read::Absent,
            Self::Good(value) => Read::Good(change(value)),
            Self::Bad => Read::Bad,
        }
    }

    /// The value; what is wrong breaks the whole.
    pub(crate) fn or_break(self, is_broken: &mut bool) -> Option<T> {
        match self {
            Self::Good(value) => Some(value),
            Self::Absent => None,
            Self::Bad => {
                *is_broken = true;
                None
            }
        }
    }
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    let text = |element: &Spanned<DeValue<'_>>| element.get_ref().as_str().map(str::to_owned);
    value.as_array()?.iter().map(text).collect()
}

fn scalars(value: &DeValue<'_>) -> Option<Vec<Value>> {
    let elements = value.as_array()?.iter();
    let values: Option<Vec<_>> = elements.map(|element| scalar(element.get_ref())).collect();
    values.filter(|values| !values.is_empty())
}

/// Texts, booleans, whole numbers of 64 bits and finite ones, as JSON knows them.
fn scalar(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Boolean(flag) => Some(Value::from(*flag)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(Value::from),
        DeValue::Float(number) => {
            let number: f64 = number.as_str().parse().ok()?;
            Number::from_f64(number).map(Value::from)
        }
        _ => None,
    }
}

/// The same value in JSON; `None` for what JSON does not know: dates, times, numbers without end or of more
/// than 64 bits.
pub(crate) fn json_of(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::Array(elements) => {
            let elements = elements.iter().map(|element| json_of(element.get_ref()));
            elements.collect::<Option<Vec<_>>>().map(Value::Array)
        }
        DeValue::Table(table) => {
            let members = table
                .iter()
                .map(|(key, value)| Some((key.get_ref().to_string(), json_of(value.get_ref())?)));
            members.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        value => scalar(value),
    }
}
