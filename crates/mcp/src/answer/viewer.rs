//! The one who looks at a list.

use std::sync::Arc;

use oauthgate_core::{Requirement, UserContext};

use crate::{
    Object, Operation,
    inspector::Inspector,
    lists::{ListKind, Shows},
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
    fn shows(&self, kind: ListKind, name: &str) -> bool {
        let policy = &self.inspector.policy;
        let call = Operation::new(Operation::TOOLS_CALL).on(Object::tool(name));
        let may_call = |user| {
            policy
                .decide([&call], &Requirement::default(), user)
                .is_ok()
        };
        kind != ListKind::Tools || self.user.as_ref().is_some_and(may_call)
    }
}
