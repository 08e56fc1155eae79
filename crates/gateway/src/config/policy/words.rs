//! What the words of a rule mean.

use oauthgate_core::{Requirement, Scope, ScopeHierarchy, ScopeSet, claims::ClaimPointer};

use super::low::DemandsGiven;
use crate::config::{
    given::{Given, Mistakes},
    words::{WordReader, one_word},
};

impl WordReader<'_> {
    pub(super) fn scopes(&mut self, given: &Given) -> ScopeSet {
        self.each(given, |text| Scope::new(text))
            .into_iter()
            .collect()
    }

    pub(super) fn texts(&mut self, given: &Given) -> Vec<String> {
        self.each(given, |text| Ok(text.to_owned()))
    }

    /// What a caller must have.
    pub(super) fn requirement(&mut self, given: &DemandsGiven) -> Requirement {
        let mut requirement = match &given.scopes {
            Some(scopes) => Requirement::scopes(self.scopes(scopes)),
            None => Requirement::authenticated(),
        };
        if let Some(roles) = &given.roles {
            requirement = requirement.with_roles(self.texts(roles));
        }
        if let Some(tiers) = &given.tiers {
            requirement = requirement.in_tiers(self.texts(tiers));
        }
        if let Some(tenants) = &given.tenants {
            requirement = requirement.in_tenants(self.texts(tenants));
        }
        for (given, values) in &given.claims {
            let pointer = one_word(given);
            let demanding = ClaimPointer::parse(pointer)
                .and_then(|claim| requirement.clone().with_claim(claim, values.clone()));
            requirement = self.ok(given, pointer, demanding).unwrap_or(requirement);
        }
        requirement
    }
}

/// Which scope implies which; `None` when there is a mistake. A circle is told where it closes.
pub(super) fn hierarchy(
    given: &[(String, Given)],
    mistakes: &mut Mistakes,
) -> Option<ScopeHierarchy> {
    let mut words = WordReader::new(mistakes);
    let mut edges = Vec::new();
    for (scope, given) in given {
        let broad = words.ok(given, scope, Scope::new(scope));
        let narrow = words.scopes(given);
        edges.extend(broad.map(|broad| (broad, narrow)));
    }
    if words.is_broken {
        return None;
    }
    let upto = |count: usize| ScopeHierarchy::new(edges.iter().take(count).cloned());
    let hierarchy = upto(edges.len());
    if hierarchy.is_err() {
        let counts: Vec<_> = (1..=edges.len()).collect();
        let closing = counts.partition_point(|&count| upto(count).is_ok());
        let (scope, given) = given.get(closing)?;
        return words.ok(given, scope, hierarchy);
    }
    hierarchy.ok()
}
