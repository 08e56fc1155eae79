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
