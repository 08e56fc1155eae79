//! What a rule is about.

use std::borrow::Cow;

use super::{Pattern, lookalike};
use crate::{Object, ObjectKind, Operation};

/// The methods that act on a tool, a prompt or a resource.
pub(super) const fn methods_on(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Tool => &[Operation::TOOLS_CALL],
        ObjectKind::Prompt => &[Operation::PROMPTS_GET, Operation::COMPLETION_COMPLETE],
        ObjectKind::Resource => &[
            Operation::RESOURCES_READ,
            Operation::RESOURCES_SUBSCRIBE,
            Operation::RESOURCES_UNSUBSCRIBE,
            Operation::COMPLETION_COMPLETE,
            Operation::SUBSCRIPTIONS_LISTEN,
        ],
    }
}

/// The methods with arguments that conditions speak of.
pub(super) const WITH_ARGUMENTS: [&str; 2] = [Operation::TOOLS_CALL, Operation::PROMPTS_GET];

/// The methods and objects of a rule: objects are alternatives, methods narrow them, and methods alone
/// mean all operations with these methods.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) methods: Vec<Pattern>,
    pub(super) tools: Vec<Pattern>,
    pub(super) prompts: Vec<Pattern>,
    pub(super) resources: Vec<Pattern>,
}

/// How an operation stands to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The subject is about it.
    Named,
    /// The subject is about it in the eyes of a reader who ignores case, blanks or encoding.
    Alike,
    /// The subject is about it in the eyes of a reader who, moreover, looks at no query of a URI and no slash at its end.
    AlikeWithoutEnd,
    /// The method is another.
    OtherMethod,
    /// It acts on something else.
    OtherObject,
}

/// An operation with its names as careless readers see them; they are worked out once, when first asked for.
pub(super) struct Seen<'o> {
    pub(super) operation: &'o Operation,
    method: std::cell::OnceCell<Cow<'o, str>>,
    object: std::cell::OnceCell<Cow<'o, str>>,
    without_end: std::cell::OnceCell<Option<String>>,
}

impl<'o> Seen<'o> {
    pub(super) fn new(operation: &'o Operation) -> Self {
        Self {
            operation,
            method: std::cell::OnceCell::new(),
            object: std::cell::OnceCell::new(),
            without_end: std::cell::OnceCell::new(),
        }
    }

    fn method(&self) -> &str {
        self.method
            .get_or_init(|| lookalike::of_name(&self.operation.method))
    }

    fn object(&self) -> &str {
        self.object.get_or_init(|| match &self.operation.object {
            Some(object) if object.kind == ObjectKind::Resource => {
                Cow::Owned(lookalike::of_uri(&object.name))
            }
            Some(object) => lookalike::of_name(&object.name),
            None => Cow::Borrowed(""),
        })
    }

    fn without_end(&self) -> Option<&str> {
        let cut = || uri_without_end(self.operation).map(lookalike::of_uri);
        self.without_end.get_or_init(cut).as_deref()
    }
}

impl Subject {
    /// Whether the subject is about any object at all.
    pub(super) fn names_objects(&self) -> bool {
        !(self.tools.is_empty() && self.prompts.is_empty() && self.resources.is_empty())
    }

    pub(super) fn patterns(&self, kind: ObjectKind) -> &[Pattern] {
        match kind {
            ObjectKind::Tool => &self.tools,
            ObjectKind::Prompt => &self.prompts,
            ObjectKind::Resource => &self.resources,
        }
    }

    pub(super) fn standing(&self, seen: &Seen<'_>) -> Standing {
        let exact = self.exactly(seen.operation);
        if exact == Standing::Named || !self.may_be_of(seen) {
            return exact;
        }
        if self.is_alike(seen) {
            return Standing::Alike;
        }
        match self.is_alike_without_end(seen) {
            true => Standing::AlikeWithoutEnd,
            false => exact,
        }
    }

    /// Whether the method is one of the subject's, in the eyes of a careless reader.
    fn may_be_of(&self, seen: &Seen<'_>) -> bool {
        let is_of = |method: &Pattern| method.matches_folded(seen.method());
        self.methods.is_empty() || self.methods.iter().any(is_of)
    }

    fn exactly(&self, operation: &Operation) -> Standing {
        let is_of = |method: &Pattern| method.matches(&operation.method);
        if !self.methods.is_empty() && !self.methods.iter().any(is_of) {
            return Standing::OtherMethod;
        }
        let names = |object: &Object| {
            let mut patterns = self.patterns(object.kind).iter();
            patterns.any(|pattern| pattern.matches(&object.name))
        };
        match !self.names_objects() || operation.object.as_ref().is_some_and(names) {
            true => Standing::Named,
            false => Standing::OtherObject,
        }
    }

    fn is_alike(&self, seen: &Seen<'_>) -> bool {
        let names = |object: &Object| {
            let patterns = self.patterns(object.kind);
            !patterns.is_empty() && {
                let name = seen.object();
                patterns.iter().any(|pattern| pattern.matches_folded(name))
            }
        };
        !self.names_objects() || seen.operation.object.as_ref().is_some_and(names)
    }

    fn is_alike_without_end(&self, seen: &Seen<'_>) -> bool {
        let mut patterns = self.resources.iter();
        !self.resources.is_empty()
            && seen
                .without_end()
                .is_some_and(|uri| patterns.any(|pattern| pattern.matches_folded(uri)))
    }

    /// Whether query and last slash of the operation's URI make no difference to the subject.
    pub(super) fn overlooks_end(&self, operation: &Operation) -> bool {
        let matches = |uri| self.resources.iter().any(|pattern| pattern.matches(uri));
        !self.names_objects() || uri_without_end(operation).is_some_and(matches)
    }

    /// Whether the operation's method and object both stand here without any star, as far as the subject
    /// speaks of them: then nobody took it for something else.
    pub(super) fn is_literally(&self, operation: &Operation) -> bool {
        let is = |patterns: &[Pattern], name: &str| {
            patterns.iter().any(|pattern| pattern.is_literally(name))
        };
        match &operation.object {
            Some(object) => is(self.patterns(object.kind), &object.name),
            None => is(&self.methods, &operation.method),
        }
    }
}

fn uri_without_end(operation: &Operation) -> Option<&str> {
    let object = operation.object.as_ref()?;
    let is_resource = object.kind == ObjectKind::Resource;
    lookalike::without_end(&object.name).filter(|_| is_resource)
}
