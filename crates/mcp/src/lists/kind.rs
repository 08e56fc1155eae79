//! The four lists of MCP.

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
