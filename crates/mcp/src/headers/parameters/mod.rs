//! `Mcp-Param-*`: which arguments of which tools are mirrored in headers, and whether truthfully.

mod parameter;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, sync::Arc};

use arc_swap::ArcSwap;
use http::HeaderMap;
use oauthgate_core::SettingError;
use serde_json::Number;

pub use parameter::{Parameter, ParameterType};

use super::{Mismatch, value::only_decoded};
use crate::{
    Argument, ObjectKind, Operation, Payload, Revision, Scalar, Wanted,
    jsonrpc::{Arguments, decidable},
};

/// Of how many tools the headers are kept.
const MAX_TOOLS: usize = 1024;
/// How many headers of one tool.
const MAX_HEADERS: usize = 32;
/// How long a tool's name may be, in bytes.
const MAX_NAME_BYTES: usize = 1024;

/// Which headers mirror which arguments of which tools. Clones share what is learned; readers never wait.
///
/// A tool that is in no table has no recognised `Mcp-Param-*` header: they pass as they are (MCP
/// 2026-07-28, Server Behavior for Custom Headers).
#[derive(Clone, Default)]
pub struct ParameterHeaders {
    configured: Arc<Tools>,
    learned: Arc<ArcSwap<Tools>>,
}

type Tools = BTreeMap<String, Arc<Mirrored>>;

/// The mirrored arguments of one tool.
#[derive(Debug, PartialEq, Eq)]
struct Mirrored {
    parameters: Vec<Parameter>,
    wanted: Wanted,
}

impl ParameterHeaders {
    /// Knows no tool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The operator's word: this tool's server demands these headers, so that a request without one is
    /// refused too, and a decision by headers alone may trust them.
    ///
    /// # Errors
    /// When two parameters have the same header, or there are more than 32 of a tool or 1,024 tools.
    pub fn configured(
        mut self,
        tool: impl Into<String>,
        parameters: Vec<Parameter>,
    ) -> Result<Self, SettingError> {
        let tool = tool.into();
        let full = self.configured.len() >= MAX_TOOLS && !self.configured.contains_key(&tool);
        let mirrored = Mirrored::of(parameters).filter(|_| !full).ok_or_else(|| {
            SettingError::new(
                "too many headers of parameters, or two of the same name",
                "at most 32 different headers of each of at most 1024 tools",
            )
        })?;
        Arc::make_mut(&mut self.configured).insert(tool, Arc::new(mirrored));
        Ok(self)
    }

    /// What a server says in its list of tools; [`Parameter::in_schema`] finds it. A tool that was known
    /// is known anew; those beyond the table's capacity are not learned.
    pub fn learn(&self, tools: impl IntoIterator<Item = (String, Vec<Parameter>)>) {
        let told: Vec<_> = tools
            .into_iter()
            .filter(|(tool, _)| tool.len() <= MAX_NAME_BYTES)
            .take(MAX_TOOLS)
            .map(|(tool, parameters)| (tool, Mirrored::of(parameters).map(Arc::new)))
            .collect();
        let known = self.learned.load();
        if told
            .iter()
            .any(|(tool, mirrored)| known.get(tool) != mirrored.as_ref())
        {
            self.learned.rcu(|known| learned(known, &told));
        }
    }

    /// Compares the headers of a single call with its arguments. Before a batch, none may stand that mirrors
    /// an argument of one of its calls: nobody could say of which.
    pub(super) fn agree(
        &self,
        headers: &HeaderMap,
        payload: &Payload,
        body: &[u8],
        revision: Option<Revision>,
    ) -> Result<(), Mismatch> {
        let required = revision.is_some_and(Revision::requires_mirrored_headers);
        let learned = self.learned.load();
        for tool in payload.operations().filter_map(tool_of) {
            let configured = self.configured.get(tool).map(|known| (known, required));
            let learned = learned.get(tool).map(|known| (known, false));
            for (mirrored, required) in configured.into_iter().chain(learned) {
                match payload {
                    Payload::Single(_) => mirrored.agree(headers, body, required)?,
                    Payload::Batch(_) if mirrored.are_in(headers) => return Err(Mismatch::Batch),
                    Payload::Batch(_) => {}
                }
            }
        }
        Ok(())
    }

    /// What the operator's headers say about the arguments of a call of this tool; anything else about
    /// them is unknown.
    pub(super) fn arguments(&self, tool: &str, headers: &HeaderMap) -> Result<Arguments, Mismatch> {
        let mut arguments = Arguments::unknown();
        for parameter in self
            .configured
            .get(tool)
            .iter()
            .flat_map(|known| &known.parameters)
        {
            let said = only_decoded(headers, &parameter.header)
                .map_err(|()| Mismatch::UnreadableParameter)?;
            if let Some(scalar) = said.and_then(|text| parameter.read(text.into_owned())) {
                arguments.know(&parameter.pointer, scalar);
            }
        }
        Ok(arguments)
    }
}

impl fmt::Debug for ParameterHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParameterHeaders")
            .field("configured", &self.configured.len())
            .field("learned", &self.learned.load().len())
            .finish()
    }
}

/// The table with what was told; told nothing of a tool, it forgets the tool.
fn learned(known: &Tools, told: &[(String, Option<Arc<Mirrored>>)]) -> Tools {
    let mut tools = known.clone();
    for (tool, mirrored) in told {
        match mirrored {
            Some(mirrored) if tools.len() < MAX_TOOLS || tools.contains_key(tool) => {
                tools.insert(tool.clone(), Arc::clone(mirrored));
            }
            Some(_) => {}
            None => drop(tools.remove(tool)),
        }
    }
    tools
}

fn tool_of(operation: &Operation) -> Option<&str> {
    let object = operation.object.as_ref();
    let tool = object.filter(|object| object.kind == ObjectKind::Tool);
    tool.map(|object| object.name.as_str())
}

impl Mirrored {
    fn of(mut parameters: Vec<Parameter>) -> Option<Self> {
        parameters.sort_by(|one, other| one.header.as_str().cmp(other.header.as_str()));
        let twice = |pair: &[Parameter]| matches!(pair, [one, other] if one.header == other.header);
        if parameters.is_empty()
            || parameters.len() > MAX_HEADERS
            || parameters.windows(2).any(twice)
        {
            return None;
        }
        let wanted = Wanted::at(parameters.iter().map(|parameter| &parameter.pointer)).ok()?;
        Some(Self { parameters, wanted })
    }

    /// Whether any of the headers is there.
    fn are_in(&self, headers: &HeaderMap) -> bool {
        let mut known = self.parameters.iter().map(|known| &known.header);
        known.any(|header| headers.contains_key(header))
    }

    /// The body is read again for the arguments in question: which they are was not known before the
    /// tool's name was, and few tools have any.
    fn agree(&self, headers: &HeaderMap, body: &[u8], required: bool) -> Result<(), Mismatch> {
        if !required && !self.are_in(headers) {
            return Ok(());
        }
        let payload = Payload::read(body, &self.wanted).map_err(|_| Mismatch::Parameter)?;
        let operation = payload.operations().next().ok_or(Mismatch::Parameter)?;
        for parameter in &self.parameters {
            let said = only_decoded(headers, &parameter.header)
                .map_err(|()| Mismatch::UnreadableParameter)?;
            let argument = operation.arguments.at(&parameter.pointer);
            match said {
                Some(said) if !mirrors(&said, argument) => return Err(Mismatch::Parameter),
                None if required && is_there(argument) => return Err(Mismatch::MissingParameter),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A `null` is mirrored by no header.
fn is_there(argument: Argument<'_>) -> bool {
    !matches!(argument, Argument::Absent | Argument::Scalar(Scalar::Null))
}

/// Strings byte for byte, numbers as numbers (`42.0` is `42`), booleans in lower case.
fn mirrors(said: &str, argument: Argument<'_>) -> bool {
    match argument {
        Argument::Scalar(Scalar::String(text)) => said == text,
        Argument::Scalar(Scalar::Number(number)) => {
            integer(said).is_some_and(|said| said.as_f64() == number.as_f64())
        }
        Argument::Scalar(Scalar::Bool(true)) => said == "true",
        Argument::Scalar(Scalar::Bool(false)) => said == "false",
        _ => false,
    }
}

/// A number that every reader understands alike.
fn integer(text: &str) -> Option<Number> {
    serde_json::from_str(text).ok().filter(decidable)
}
