//! `[tools]`: the scopes of each tool, for those who need no rules.

use std::collections::BTreeMap;

use oauthgate_core::{Scope, ScopeSet};
use oauthgate_remote::env::{Words, items_of};

use super::add_open;
use crate::config::{
    file::UNLISTED_TOOLS,
    reader::Reader,
    settings::{Tools, UnlistedTools},
    values,
};

/// The tables that tell some tools from all others.
const LISTING: [&str; 2] = ["rule", "tools"];

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
    if unlisted.is_some() {
        refuse_unlisted_without_listed(reader);
    }
    Tools {
        scopes: rules,
        unlisted: unlisted.unwrap_or_default(),
    }
}

/// The word is about what is left beside rules and listed tools: alone it does nothing, whatever it says.
fn refuse_unlisted_without_listed(reader: &mut Reader<'_>) {
    let tables = reader.section.tables.written.iter();
    let has_listed = tables.clone().any(|(table, _)| LISTING.contains(table));
    let given = reader.section.values.get(UNLISTED_TOOLS);
    if let (false, Some(given)) = (has_listed, given) {
        add_open(
            given.label(),
            "no rule and no tool stands beside it",
            reader.mistakes,
        );
    }
}
