//! Which tool needs what.

use std::collections::BTreeMap;

use oauthgate_core::{Denial, Permit, Reason, Requirement, UserContext, text::Printable};

use crate::{Object, Operation};

/// What happens to a tool that has no rule of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unlisted {
    /// Nobody may call it.
    Refuse,
    /// It needs this; [`Requirement::authenticated`] lets every caller with a good token use it.
    Allow(Requirement),
}

/// What each tool asks of its caller. Tool names compare byte for byte.
///
/// Without any rule a policy decides nothing. From the first rule on, tools without one are refused,
/// so that a tool added to the server later is not open by accident.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Policy {
    tools: BTreeMap<String, Requirement>,
    unlisted: Option<Unlisted>,
}

impl Policy {
    /// A policy without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tool of this name needs all of this; a later rule for the same name replaces it.
    pub fn tool(mut self, name: impl Into<String>, requirement: Requirement) -> Self {
        self.tools.insert(name.into(), requirement);
        self
    }

    /// What happens to all other tools; setting it is a rule in itself.
    pub fn unlisted(mut self, unlisted: Unlisted) -> Self {
        self.unlisted = Some(unlisted);
        self
    }

    /// Whether there is anything to decide.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        !self.tools.is_empty() || self.unlisted.is_some()
    }

    /// Decides on everything that one request does, together: a batch needs what its calls need in sum,
    /// and a refusal names all of it in one challenge, `base` (what the resource asks for) included.
    ///
    /// # Errors
    /// [`Reason::PolicyRefused`] for a tool that nobody may call, [`Reason::MalformedMessage`] for a call that
    /// names none, [`Reason::InsufficientScope`] with all scopes of the request.
    pub fn decide<'a>(
        &self,
        operations: impl IntoIterator<Item = &'a Operation>,
        base: &Requirement,
        user: &UserContext,
    ) -> Result<Permit, Denial> {
        let mut needed = base.clone();
        for operation in operations {
            if let Some(requirement) = self.required_by(operation)? {
                needed = needed.and(requirement);
            }
        }
        needed.decide(user)
    }

    /// What this operation needs beyond the resource's own requirement.
    fn required_by(&self, operation: &Operation) -> Result<Option<&Requirement>, Denial> {
        if operation.method != Operation::TOOLS_CALL {
            return Ok(None);
        }
        let Some(Object { name, .. }) = &operation.object else {
            return Err(
                Denial::new(Reason::MalformedMessage).with_detail("a tools/call names no tool")
            );
        };
        match (self.tools.get(name), &self.unlisted) {
            (Some(requirement), _) | (None, Some(Unlisted::Allow(requirement))) => {
                Ok(Some(requirement))
            }
            (None, _) => Err(Denial::new(Reason::PolicyRefused)
                .with_detail(format!("no rule allows the tool \"{}\"", Printable(name)))),
        }
    }
}
