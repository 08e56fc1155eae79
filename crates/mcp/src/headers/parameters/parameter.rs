//! One argument that a header mirrors.

use std::collections::BTreeSet;

use http::HeaderName;
use oauthgate_core::SettingError;
use serde_json::{Map, Value};

use super::integer;
use crate::{Scalar, Wanted};

/// How deep an argument may lie.
const MAX_STEPS: usize = 16;
/// How long a pointer may be, in bytes.
const MAX_POINTER_BYTES: usize = 1024;

/// An argument and the header that mirrors it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub(super) header: HeaderName,
    pub(super) pointer: String,
    kind: Option<ParameterType>,
}

/// The types of arguments that headers may mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterType {
    /// As it is.
    String,
    /// In decimal.
    Integer,
    /// `true` or `false`.
    Boolean,
}

impl Parameter {
    /// `Mcp-Param-{name}` mirrors the argument at this JSON Pointer.
    ///
    /// # Errors
    /// When the name is no token (RFC 9110 §5.6.2), or the pointer no JSON Pointer.
    pub fn new(name: &str, pointer: &str) -> Result<Self, SettingError> {
        let header = format!("mcp-param-{name}");
        let header = HeaderName::from_bytes(header.as_bytes())
            .ok()
            .filter(|_| !name.is_empty())
            .ok_or_else(|| {
                SettingError::new(
                    "not a header's name",
                    "what follows Mcp-Param-, for example Region",
                )
            })?;
        Wanted::at([pointer])?;
        Ok(Self {
            header,
            pointer: pointer.to_owned(),
            kind: None,
        })
    }

    /// The argument is of this type. Only a decision by headers alone needs to know: `42` may be a string.
    #[must_use]
    pub fn of_type(mut self, kind: ParameterType) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The parameters that a tool's `inputSchema` annotates with `x-mcp-header` along `properties`. None
    /// where one of them breaks the rules: clients must not call such a tool at all.
    #[must_use]
    pub fn in_schema(schema: &Value) -> Vec<Self> {
        let mut found = Vec::new();
        let mut names = BTreeSet::new();
        let valid = collect(schema, "", MAX_STEPS, &mut found);
        let unique = found
            .iter()
            .all(|parameter: &Self| names.insert(parameter.header.as_str()));
        if valid && unique { found } else { Vec::new() }
    }

    /// What the header's text says, if it can mean one thing only.
    pub(super) fn read(&self, text: String) -> Option<Scalar> {
        let truth = match text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        match self.kind {
            Some(ParameterType::String) => Some(Scalar::String(text)),
            Some(ParameterType::Integer) => integer(&text).map(Scalar::Number),
            Some(ParameterType::Boolean) => truth.map(Scalar::Bool),
            None if truth.is_some() || text.parse::<f64>().is_ok() => None,
            None => Some(Scalar::String(text)),
        }
    }
}

/// Says whether every annotation found keeps the rules.
fn collect(schema: &Value, pointer: &str, steps: usize, found: &mut Vec<Parameter>) -> bool {
    let Some(schema) = schema.as_object() else {
        return true;
    };
    if let Some(name) = schema.get("x-mcp-header") {
        let Some(parameter) = annotated(name, schema, pointer) else {
            return false;
        };
        found.push(parameter);
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().all(|(name, schema)| {
        let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        steps > 0
            && pointer.len() <= MAX_POINTER_BYTES
            && collect(schema, &pointer, steps - 1, found)
    })
}

fn annotated(name: &Value, schema: &Map<String, Value>, pointer: &str) -> Option<Parameter> {
    let parameter = Parameter::new(name.as_str()?, pointer).ok()?;
    Some(parameter.of_type(primitive(schema.get("type")?)?))
}

/// One primitive type, perhaps beside `null`.
fn primitive(kind: &Value) -> Option<ParameterType> {
    match kind {
        Value::String(kind) => match kind.as_str() {
            "string" => Some(ParameterType::String),
            "integer" => Some(ParameterType::Integer),
            "boolean" => Some(ParameterType::Boolean),
            _ => None,
        },
        Value::Array(kinds) => {
            let mut others = kinds.iter().filter(|kind| *kind != "null");
            let only = others.next().filter(|kind| kind.is_string())?;
            others.next().is_none().then(|| primitive(only))?
        }
        _ => None,
    }
}
