//! The one who looks at a list.

use std::sync::Arc;

use oauthgate_core::{Caller, UserContext};

use crate::{
    Object,
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
        let item = match kind {
            ListKind::Tools => Object::tool(name),
            ListKind::Prompts => Object::prompt(name),
            ListKind::Resources | ListKind::ResourceTemplates => Object::resource(name),
        };
        let caller = self.user.as_ref().map(Caller::from);
        self.inspector.policy.shows(&item, caller.as_ref())
    }
}
