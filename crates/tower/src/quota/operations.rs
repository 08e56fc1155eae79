//! What a request does, as far as limits ask.

use std::sync::Arc;

/// The operations of a request, for a [`super::QuotaLayer`] behind: whoever reads bodies puts it into the
/// request's extensions. A request without it counts as one operation that calls no tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operations {
    calls: Arc<[ToolCall]>,
    others: u32,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The tool, as the client wrote it.
    pub name: String,
    /// The name that it is counted under: the same for all spellings that a careless server takes for one
    /// tool.
    pub counted_as: String,
    /// What it costs; nothing for 0.
    pub cost: u32,
}

impl Operations {
    /// These calls, and so many operations that call no tool.
    pub fn new(calls: impl IntoIterator<Item = ToolCall>, others: u32) -> Self {
        Self {
            calls: calls.into_iter().collect(),
            others,
        }
    }

    /// The calls of tools.
    #[must_use]
    pub fn calls(&self) -> &[ToolCall] {
        &self.calls
    }

    /// How many operations call no tool; each costs 1.
    #[must_use]
    pub fn others(&self) -> u32 {
        self.others
    }

    /// What all of it costs together.
    #[must_use]
    pub fn cost(&self) -> u32 {
        let costs = self.calls.iter().map(|call| call.cost);
        costs.fold(self.others, u32::saturating_add)
    }
}

/// One operation that calls no tool.
impl Default for Operations {
    fn default() -> Self {
        Self::new([], 1)
    }
}
