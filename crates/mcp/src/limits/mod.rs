//! What limits need to know of messages: which tools are called, and what the calls cost.
//!
//! ```
//! use oauthgate_mcp::limits::Costs;
//!
//! let costs = Costs::new().tool("export_*", 10)?.tool("export_status", 0)?;
//! assert_eq!(costs.of("export_all"), 10);
//! assert_eq!(costs.of("export_status"), 0);
//! assert_eq!(costs.of("search"), 1);
//! # Ok::<(), oauthgate_core::SettingError>(())
//! ```
//!
//! Names are compared as a [`crate::Policy`] compares them, and what a careless server may take for a tool
//! is counted as that tool: no other spelling escapes a limit, gets a quota of its own, or is cheaper.

mod costs;
mod tools;

pub use costs::Costs;
pub use tools::ToolPatterns;

use oauthgate_tower::quota::{Operations, ToolCall};

use crate::{Message, ObjectKind, Operation, Payload, policy::counted_name};

/// What the messages of a body do. A message that calls no tool is one operation, whatever it names.
pub(crate) fn operations_of(payload: &Payload, costs: &Costs) -> Operations {
    let calls: Vec<_> = payload
        .messages()
        .iter()
        .filter_map(|message| tool_of(message))
        .map(|tool| call(tool, costs))
        .collect();
    let others = payload.messages().len().saturating_sub(calls.len());
    Operations::new(calls, u32::try_from(others).unwrap_or(u32::MAX))
}

fn call(tool: &str, costs: &Costs) -> ToolCall {
    ToolCall {
        name: tool.to_owned(),
        counted_as: counted_name(tool),
        cost: costs.of(tool),
    }
}

fn tool_of(message: &Message) -> Option<&str> {
    let mut operations = message.operations().iter();
    let object = operations
        .find(|operation| operation.method == Operation::TOOLS_CALL)?
        .object
        .as_ref()?;
    (object.kind == ObjectKind::Tool).then_some(object.name.as_str())
}

#[cfg(test)]
mod tests;
