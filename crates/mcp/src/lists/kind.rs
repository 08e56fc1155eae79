//! The four lists of MCP.

use crate::{ObjectKind, Operation};

/// What a list consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    Tools,
    Prompts,
    Resources,
    ResourceTemplates,
}

impl ListKind {
    pub(crate) const ALL: [Self; 4] = [
        Self::Tools,
        Self::Prompts,
        Self::Resources,
        Self::ResourceTemplates,
    ];

    /// The kind of list that this method asks for.
    pub(crate) fn asked_by(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.method() == method)
    }

    /// What its items are to the policy: a template stands for the resources that it names.
    pub(crate) const fn items(self) -> ObjectKind {
        match self {
            Self::Tools => ObjectKind::Tool,
            Self::Prompts => ObjectKind::Prompt,
            Self::Resources | Self::ResourceTemplates => ObjectKind::Resource,
        }
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Tools => Operation::TOOLS_LIST,
            Self::Prompts => Operation::PROMPTS_LIST,
            Self::Resources => Operation::RESOURCES_LIST,
            Self::ResourceTemplates => Operation::RESOURCE_TEMPLATES_LIST,
        }
    }

    /// The member of the result that is the list.
    pub(super) const fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
        }
    }

    /// The member of an item that says what it is.
    pub(super) const fn name(self) -> &'static [&'static str; 1] {
        match self {
            Self::Tools | Self::Prompts => &["name"],
            Self::Resources => &["uri"],
            Self::ResourceTemplates => &["uriTemplate"],
        }
    }
}
