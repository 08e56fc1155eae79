//! What an argument must be.

use std::{fmt, mem};

use oauthgate_core::{SettingError, json::same_number, text::Printable};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::{
    Wanted,
    jsonrpc::{Argument, Arguments, Scalar, decidable},
};

/// How large a compiled expression may be, in bytes; the same bounds what it caches while it matches.
const MAX_EXPRESSION: usize = 256 * 1024;
/// How deep groups of an expression may nest.
const MAX_NESTING: u32 = 64;

/// Something that an argument of a call must be. Numbers compare as numbers (1 is 1.0), strings byte for
/// byte; an expression is searched for, so that `^` and `$` say where it must begin and end, and matching
/// takes time linear in the argument.
///
/// ```
/// use oauthgate_mcp::policy::Condition;
///
/// Condition::equals("/dry_run", true)?;
/// Condition::is_in("/environment", ["dev", "stage"])?;
/// Condition::matches("/path", "^/public/")?;
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Condition {
    pointer: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Equals(Scalar),
    In(Vec<Scalar>),
    Matches(Regex),
}

/// What is known about a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It holds.
    Holds,
    /// The argument is something else.
    Fails,
    /// The argument is not there.
    Absent,
    /// The argument is of a type that cannot be compared.
    OtherType,
    /// Nobody knows the arguments.
    Unknown,
}

impl Condition {
    /// The argument at this JSON Pointer (RFC 6901) is this value: a string, number, truth value or `null`.
    ///
    /// # Errors
    /// When it is no pointer, or no argument could be this value.
    pub fn equals(pointer: &str, value: impl Into<Value>) -> Result<Self, SettingError> {
        Self::new(pointer, Test::Equals(scalar(value.into())?))
    }

    /// The argument is one of these values.
    ///
    /// # Errors
    /// When it is no pointer, there is no value, or no argument could be one of them.
    pub fn is_in<V: Into<Value>>(
        pointer: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self, SettingError> {
        let values = values.into_iter().map(|value| scalar(value.into()));
        let values: Vec<_> = values.collect::<Result<_, _>>()?;
        if values.is_empty() {
            return Err(SettingError::new(
                "an argument cannot be one of no values",
                "the values that it may have, for example [\"dev\", \"stage\"]",
            ));
        }
        Self::new(pointer, Test::In(values))
    }

    /// The argument is a string in which this regular expression is found (syntax of the crate `regex`:
    /// no back-references, no look-around).
    ///
    /// # Errors
    /// When it is no pointer or no expression, or the expression is too large.
    pub fn matches(pointer: &str, expression: &str) -> Result<Self, SettingError> {
        let compiled = RegexBuilder::new(expression)
            .size_limit(MAX_EXPRESSION)
            .dfa_size_limit(MAX_EXPRESSION)
            .nest_limit(MAX_NESTING)
            .build();
        let compiled = compiled.map_err(|error| {
            SettingError::new(
                format!(
                    "not a regular expression that can be used: {}",
                    reason(&error)
                ),
                "an expression without back-references and look-around, for example ^/public/",
            )
        })?;
        Self::new(pointer, Test::Matches(compiled))
    }

    fn new(pointer: &str, test: Test) -> Result<Self, SettingError> {
        Wanted::at([pointer])?;
        Ok(Self {
            pointer: pointer.to_owned(),
            test,
        })
    }

    /// Where the argument is.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    pub(super) fn judge(&self, arguments: &Arguments) -> Outcome {
        match arguments.at(&self.pointer) {
            Argument::Scalar(scalar) => self.test.judge(scalar),
            Argument::OtherType => Outcome::OtherType,
            Argument::Absent => Outcome::Absent,
            Argument::Unknown => Outcome::Unknown,
        }
    }

    /// The values that it lists; an expression lists none.
    pub(super) fn values(&self) -> &[Scalar] {
        match &self.test {
            Test::Equals(value) => std::slice::from_ref(value),
            Test::In(values) => values,
            Test::Matches(_) => &[],
        }
    }

    /// The expression, where it is one.
    pub(super) fn expression(&self) -> Option<&str> {
        match &self.test {
            Test::Matches(expression) => Some(expression.as_str()),
            _ => None,
        }
    }
}

impl Test {
    fn judge(&self, found: &Scalar) -> Outcome {
        let listed = match self {
            Self::Equals(value) => std::slice::from_ref(value),
            Self::In(values) => values.as_slice(),
            Self::Matches(expression) => return found_in(expression, found),
        };
        let is_comparable = |value: &Scalar| mem::discriminant(value) == mem::discriminant(found);
        match listed.iter().any(|value| same(value, found)) {
            true => Outcome::Holds,
            false if listed.iter().any(is_comparable) => Outcome::Fails,
            false => Outcome::OtherType,
        }
    }
}

fn found_in(expression: &Regex, found: &Scalar) -> Outcome {
    match found {
        Scalar::String(text) if expression.is_match(text) => Outcome::Holds,
        Scalar::String(_) => Outcome::Fails,
        _ => Outcome::OtherType,
    }
}

fn same(one: &Scalar, other: &Scalar) -> bool {
    match (one, other) {
        (Scalar::Number(one), Scalar::Number(other)) => same_number(one, other),
        (one, other) => one == other,
    }
}

/// A value that the reader of messages can find.
fn scalar(value: Value) -> Result<Scalar, SettingError> {
    let scalar = match value {
        Value::Null => Some(Scalar::Null),
        Value::Bool(value) => Some(Scalar::Bool(value)),
        Value::Number(number) => decidable(&number).then_some(Scalar::Number(number)),
        Value::String(text) => (!text.contains('\0')).then_some(Scalar::String(text)),
        Value::Array(_) | Value::Object(_) => None,
    };
    scalar.ok_or_else(|| {
        SettingError::new(
            "no argument is compared with this value",
            "a string, a truth value, or a number of at most 15 digits",
        )
    })
}

/// The last line of what the crate says, without the drawing of where in the expression it is.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// As it stands in a rule: `/env in ["dev", "stage"]`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", Printable(&self.pointer))?;
        match &self.test {
            Test::Equals(value) => write!(f, "equals {}", shown(value)),
            Test::Matches(expression) => write!(f, "matches {}", Printable(expression.as_str())),
            Test::In(values) => {
                let values: Vec<_> = values.iter().map(shown).collect();
                write!(f, "in [{}]", values.join(", "))
            }
        }
    }
}

fn shown(value: &Scalar) -> String {
    match value {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::String(text) => format!("\"{}\"", Printable(text)),
    }
}

impl Condition {
    /// Whether it holds where this value stands.
    pub(super) fn holds_for(&self, value: &Scalar) -> bool {
        self.test.judge(value) == Outcome::Holds
    }
}

impl Scalar {
    /// The value as JSON.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::String(text) => Value::String(text.clone()),
        }
    }
}
