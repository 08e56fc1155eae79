//! What one message asks the server to do.

use super::{Arguments, members::same_but_for_case};

/// One thing that a message does. A message does several where it names several objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The JSON-RPC `method`.
    pub method: String,
    /// What it is done to; always there for the methods that act on something, except those on resources
    /// that are watched: a `subscriptions/listen` may watch none.
    pub object: Option<Object>,
    /// With what, for `tools/call` and `prompts/get`.
    pub arguments: Arguments,
}

/// A tool, a prompt or a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name, or its URI.
    pub name: String,
}

/// What a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ObjectKind {
    /// Called.
    Tool,
    /// Filled in.
    Prompt,
    /// Read and watched.
    Resource,
}

impl ObjectKind {
    /// `tool`, `prompt` or `resource`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
        }
    }
}

impl Object {
    /// The tool of this name.
    pub fn tool(name: impl Into<String>) -> Self {
        Self {
            kind: ObjectKind::Tool,
            name: name.into(),
        }
    }

    /// The prompt of this name.
    pub fn prompt(name: impl Into<String>) -> Self {
        Self {
            kind: ObjectKind::Prompt,
            name: name.into(),
        }
    }

    /// The resource at this URI.
    pub fn resource(uri: impl Into<String>) -> Self {
        Self {
            kind: ObjectKind::Resource,
            name: uri.into(),
        }
    }
}

impl Operation {
    /// Calls a tool.
    pub const TOOLS_CALL: &'static str = "tools/call";
    /// Fills in a prompt.
    pub const PROMPTS_GET: &'static str = "prompts/get";
    /// Reads a resource.
    pub const RESOURCES_READ: &'static str = "resources/read";
    /// Watches a resource (legacy revisions).
    pub const RESOURCES_SUBSCRIBE: &'static str = "resources/subscribe";
    /// Ends that (legacy revisions).
    pub const RESOURCES_UNSUBSCRIBE: &'static str = "resources/unsubscribe";
    /// Proposes values for a prompt's or a resource template's argument.
    pub const COMPLETION_COMPLETE: &'static str = "completion/complete";
    /// Asks which revisions the server speaks (since 2026-07-28).
    pub const SERVER_DISCOVER: &'static str = "server/discover";
    /// Opens a stream of notifications (since 2026-07-28).
    pub const SUBSCRIPTIONS_LISTEN: &'static str = "subscriptions/listen";
    /// Lists tools.
    pub const TOOLS_LIST: &'static str = "tools/list";
    /// Lists prompts.
    pub const PROMPTS_LIST: &'static str = "prompts/list";
    /// Lists resources.
    pub const RESOURCES_LIST: &'static str = "resources/list";
    /// Lists templates of resources.
    pub const RESOURCE_TEMPLATES_LIST: &'static str = "resources/templates/list";

    /// The methods of MCP that a client sends, in any revision.
    const KNOWN: &'static [&'static str] = &[
        Self::TOOLS_CALL,
        Self::PROMPTS_GET,
        Self::RESOURCES_READ,
        Self::RESOURCES_SUBSCRIBE,
        Self::RESOURCES_UNSUBSCRIBE,
        Self::COMPLETION_COMPLETE,
        Self::SUBSCRIPTIONS_LISTEN,
        Self::TOOLS_LIST,
        Self::PROMPTS_LIST,
        Self::RESOURCES_LIST,
        Self::RESOURCE_TEMPLATES_LIST,
        "initialize",
        "ping",
        Self::SERVER_DISCOVER,
        "logging/setLevel",
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
    ];

    /// An operation without an object and without arguments.
    pub fn new(method: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            object: None,
            arguments: Arguments::default(),
        }
    }

    /// What it is done to.
    #[must_use]
    pub fn on(mut self, object: Object) -> Self {
        self.object = Some(object);
        self
    }

    /// With what.
    #[must_use]
    pub fn with(mut self, arguments: Arguments) -> Self {
        self.arguments = arguments;
        self
    }

    /// Whether its method is one that acts on something.
    #[must_use]
    pub fn acts_on_something(&self) -> bool {
        [
            Self::TOOLS_CALL,
            Self::PROMPTS_GET,
            Self::RESOURCES_READ,
            Self::RESOURCES_SUBSCRIBE,
            Self::RESOURCES_UNSUBSCRIBE,
            Self::COMPLETION_COMPLETE,
            Self::SUBSCRIPTIONS_LISTEN,
        ]
        .contains(&self.method.as_str())
    }

    /// Whether it lists tools, prompts, resources or templates of resources.
    #[must_use]
    pub fn is_list(&self) -> bool {
        [
            Self::TOOLS_LIST,
            Self::PROMPTS_LIST,
            Self::RESOURCES_LIST,
            Self::RESOURCE_TEMPLATES_LIST,
        ]
        .contains(&self.method.as_str())
    }
}

/// The method of MCP that a careless server takes this one for: `Tools/Call` is no method, and a server
/// that ignores case would run it unchecked.
pub(super) fn looks_like(method: &str) -> Option<&'static str> {
    let known = Operation::KNOWN.iter().copied();
    known
        .filter(|known| *known != method)
        .find(|known| same_but_for_case(known, method.trim()))
}
