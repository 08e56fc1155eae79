//! What was decided about a request, for those who log and count.

use std::{collections::BTreeSet, sync::Arc};

use crate::{Operation, jsonrpc::ObjectKind};

/// So many operations and rules of one request are told; a batch may hold more.
const MOST: usize = 32;

/// Names of more characters are cut.
const MAX_NAME: usize = 256;

/// What a policy decided about one request. It rides in the extensions of the response, whether the request
/// passed or was refused, so that outer layers can log and count; it decides nothing. Arguments are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    told: Arc<Told>,
}

#[derive(Debug, PartialEq, Eq)]
struct Told {
    rules: Vec<String>,
    methods: Vec<String>,
    objects: Vec<String>,
    is_anonymous: bool,
}

impl Decided {
    pub(crate) fn new<'a>(
        operations: impl IntoIterator<Item = &'a Operation>,
        rules: impl IntoIterator<Item = String>,
        is_anonymous: bool,
    ) -> Self {
        let operations: Vec<_> = operations.into_iter().collect();
        let methods = operations.iter().map(|operation| cut(&operation.method));
        let objects = operations.iter().filter_map(|operation| object(operation));
        let told = Told {
            rules: each_once(rules),
            methods: each_once(methods),
            objects: each_once(objects),
            is_anonymous,
        };
        Self {
            told: Arc::new(told),
        }
    }

    /// The rules that decided, each once.
    #[must_use]
    pub fn rules(&self) -> &[String] {
        &self.told.rules
    }

    /// The methods of the request's messages, each once, as the client wrote them.
    #[must_use]
    pub fn methods(&self) -> &[String] {
        &self.told.methods
    }

    /// The tools, prompts and resources that they are done to, each once, as the client wrote them. Of a
    /// URI, the query and the fragment are left out: they may hold a secret.
    #[must_use]
    pub fn objects(&self) -> &[String] {
        &self.told.objects
    }

    /// Whether nobody in particular was calling.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.told.is_anonymous
    }
}

fn each_once(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut met = BTreeSet::new();
    let names = names.into_iter();
    names
        .filter(|name| met.len() < MOST && met.insert(name.clone()))
        .collect()
}

fn cut(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}

fn object(operation: &Operation) -> Option<String> {
    let object = operation.object.as_ref()?;
    Some(match object.kind {
        ObjectKind::Resource => cut(without_secrets(&object.name)),
        ObjectKind::Tool | ObjectKind::Prompt => cut(&object.name),
    })
}

/// A URI without the parts that may hold a secret: user and password, query, fragment.
fn without_secrets(uri: &str) -> &str {
    let uri = uri.split(['?', '#']).next().unwrap_or_default();
    let authority = uri.find("://").map_or(0, |start| start.saturating_add(3));
    let (_, rest) = uri.split_at_checked(authority).unwrap_or(("", uri));
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, _) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match host.rfind('@') {
        Some(at) => rest.get(at.saturating_add(1)..).unwrap_or_default(),
        None => uri,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::Object;

    #[rstest]
    #[case("file:///a/b", "file:///a/b")]
    #[case("https://host/a?token=secret", "https://host/a")]
    #[case("https://host/a#secret", "https://host/a")]
    #[case("https://user:secret@host/a?b", "host/a")]
    #[case("https://a@b:secret@host", "host")]
    #[case("mailto:someone@example.com", "example.com")]
    #[case("note://host/a@b", "note://host/a@b")]
    #[case("", "")]
    fn h2_a_uri_is_told_without_its_secrets(#[case] uri: &str, #[case] told: &str) {
        let operation = Operation::new(Operation::RESOURCES_READ).on(Object::resource(uri));
        assert_eq!(Decided::new([&operation], [], false).objects(), [told]);
    }

    #[test]
    fn h3_however_long_a_batch_is_little_of_it_is_told() {
        let operations: Vec<_> = (0..1_000)
            .map(|number| {
                let name = format!("{number}{}", "é".repeat(10_000));
                Operation::new(format!("m{number}")).on(Object::tool(name))
            })
            .collect();
        let rules = (0..1_000).map(|number| number.to_string());
        let decided = Decided::new(&operations, rules, false);
        let told = [decided.rules(), decided.methods(), decided.objects()];
        assert!(told.iter().all(|names| names.len() == MOST));
        assert!(told.concat().iter().all(|name| name.len() <= 2 * MAX_NAME));
    }

    #[test]
    fn each_thing_is_told_once_and_in_order() {
        let call = |name| Operation::new(Operation::TOOLS_CALL).on(Object::tool(name));
        let operations = [call("b"), call("a"), call("b"), Operation::new("ping")];
        let rules = ["r", "r", "q"].map(str::to_owned);
        let decided = Decided::new(&operations, rules, true);
        assert_eq!(decided.methods(), ["tools/call", "ping"]);
        assert_eq!(decided.objects(), ["b", "a"]);
        assert_eq!(decided.rules(), ["r", "q"]);
        assert!(decided.is_anonymous());
    }
}
