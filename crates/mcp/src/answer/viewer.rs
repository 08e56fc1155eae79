//! The one who looks at a list.

use std::sync::Arc;

use oauthgate_core::{Caller, UserContext};

use serde_json::Value;

use crate::{
    Object, Parameter,
    inspector::Inspector,
    lists::{ListKind, Shows, members},
};

/// A caller, or nobody, in the eyes of the policy.
#[derive(Debug)]
pub(super) struct Viewer {
    inspector: Arc<Inspector>,
    user: Option<UserContext>,
}

impl Viewer {
    pub(super) fn new(inspector: Arc<Inspector>, user: Option<UserContext>) -> Self {
        Self { inspector, user }
    }
}

impl Shows for Viewer {
    fn hides(&self, kind: ListKind) -> bool {
        self.inspector.policy.hides(kind.items())
    }

    fn shows(&self, kind: ListKind, name: &str) -> bool {
        let policy = &self.inspector.policy;
        let caller = self.user.as_ref().map(Caller::from);
        if kind == ListKind::ResourceTemplates {
            return policy.shows_template(name, caller.as_ref());
        }
        let item = Object {
            kind: kind.items(),
            name: name.to_owned(),
        };
        policy.shows(&item, caller.as_ref())
    }

    /// Which headers mirror its arguments.
    fn notice(&self, tool: &str, definition: &str) {
        let parameters = mirrored(definition).unwrap_or_default();
        self.inspector
            .parameters
            .learn([(tool.to_owned(), parameters)]);
    }
}

/// Most tools have none, and their schemas are not read.
fn mirrored(definition: &str) -> Option<Vec<Parameter>> {
    if !definition.contains("x-mcp-header") {
        return None;
    }
    let [schema] = members(definition, &["inputSchema"]).ok()?;
    let schema: Value = serde_json::from_str(schema?.get()).ok()?;
    Some(Parameter::in_schema(&schema))
}
