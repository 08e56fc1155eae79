//! Settings that belong together, whoever gave them: the gate's, a resource's, an issuer's.

use std::collections::BTreeMap;

use super::{given::Given, limits::LimitsGiven, policy::TablesGiven};

/// What was given for the gate, for one resource or for one issuer.
#[derive(Debug, Clone, Default)]
pub(super) struct Section {
    /// Where it stands in the file, for reports about what is missing in it; empty without a file.
    pub(super) place: String,
    /// Key → what was given with the highest precedence.
    pub(super) values: BTreeMap<&'static str, Given>,
    /// Who may do what; a resource's only.
    pub(super) tables: TablesGiven,
    /// How much callers may do; a resource's only.
    pub(super) limits: LimitsGiven,
    /// The issuers given one by one; a resource's only.
    pub(super) issuers: Vec<Section>,
}

impl Section {
    /// Sets a value over whatever a source of lower precedence gave.
    pub(super) fn overlay(&mut self, key: &'static str, given: Given) {
        self.values.insert(key, given);
    }
}

/// Everything given, merged.
#[derive(Debug, Clone, Default)]
pub(super) struct Sections {
    pub(super) gate: Section,
    pub(super) resources: Vec<Section>,
}
