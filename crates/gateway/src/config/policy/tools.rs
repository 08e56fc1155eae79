//! `[tools]`: the scopes of each tool, for those who need no rules.

use std::collections::BTreeMap;

use oauthgate_core::{Scope, ScopeSet};
use oauthgate_remote::env::{Words, items_of};

use crate::config::{
    reader::Reader,
    settings::{Tools, UnlistedTools},
    values,
};

/// The table of a resource, and what becomes of tools that are not in it.
pub(super) fn read(reader: &mut Reader<'_>) -> Tools {
    let mut rules = BTreeMap::new();
    for (tool, given) in &reader.section.tables.tools {
        let items = match &given.words {
            // An empty list says something here: a good token is enough.
            Words::Many(items) if items.is_empty() => Vec::new(),
            words => items_of(words),
        };
        let items: Vec<String> = items
            .into_iter()
            .filter_map(|item| reader.mistakes.unless(given, item))
            .collect();
        reader.record(&given.setting, &items.join(" "), &given.origin);
        let scopes = items.iter().filter_map(|item| {
            let scope = Scope::new(item).map_err(|error| (item.clone(), error));
            reader.mistakes.unless(given, scope)
        });
        let scopes: ScopeSet = scopes.collect();
        rules.insert(tool.clone(), scopes);
    }
    let unlisted: Option<UnlistedTools> = reader.one("unlisted_tools", values::unlisted_tools);
    Tools {
        scopes: rules,
        unlisted: unlisted.unwrap_or_default(),
    }
}
