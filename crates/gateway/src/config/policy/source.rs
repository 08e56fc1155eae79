//! Where a resource's rules stand: beside the resource, or in a file of their own.

use std::path::{Path, PathBuf};

use crate::config::{
    file::{self, UNLISTED_TOOLS, setting},
    given::{Given, Mistakes, Origin},
    load,
    reader::Reader,
    section::Section,
    values,
};

/// The section with the rules in it, and the file that they came from; `None` when it cannot be read.
pub(super) fn section(reader: &mut Reader<'_>) -> Option<(Section, Option<PathBuf>)> {
    let mut section = reader.section.clone();
    let Some(given) = reader.section.values.get("policy_file") else {
        return Some((section, None));
    };
    let path = reader.one("policy_file", values::text);
    refuse_rules_elsewhere(&section, reader.mistakes);
    let path = match &given.origin {
        Origin::File { path: beside, .. } => beside.parent().unwrap_or(Path::new("")).join(path?),
        _ => PathBuf::from(path?),
    };
    match load::read(&path) {
        Ok(text) => {
            let file = file::parse_policy(&path, &text, reader.mistakes)?;
            section.tables = file.tables;
            section.values.remove(UNLISTED_TOOLS);
            if let Some(unlisted) = file.unlisted_tools {
                section.overlay(UNLISTED_TOOLS, unlisted);
            }
            Some((section, Some(path)))
        }
        Err(error) => {
            reader.mistakes.add(
                given.label(),
                Some(&path.to_string_lossy()),
                format!("the file cannot be read: {error}"),
                setting("policy_file").expected,
            );
            None
        }
    }
}

/// Two places would leave open which rule comes first.
fn refuse_rules_elsewhere(section: &Section, mistakes: &mut Mistakes) {
    let tables = section.tables.written.iter();
    let tables = tables.map(|(table, origin)| format!("{origin}: {table}"));
    let unlisted = section.values.get(UNLISTED_TOOLS).map(Given::label);
    for label in tables.chain(unlisted) {
        mistakes.add(
            label,
            None,
            "a policy file is named as well, and rules have one place",
            "all of them in the policy file, or no `policy_file` (OAUTHGATE_POLICY_FILE)",
        );
    }
}
