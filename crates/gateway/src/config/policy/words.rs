//! Words of a rule into what they mean. What cannot be understood is reported, and breaks the rule.

use oauthgate_core::{
    Requirement, Scope, ScopeHierarchy, ScopeSet, SettingError, claims::ClaimPointer,
};
use oauthgate_remote::env::items_of;

use super::low::DemandsGiven;
use crate::config::given::{Given, Mistakes, Words};

/// Reads the words of one rule.
pub(super) struct WordReader<'a> {
    pub(super) is_broken: bool,
    mistakes: &'a mut Mistakes,
}

impl<'a> WordReader<'a> {
    pub(super) fn new(mistakes: &'a mut Mistakes) -> Self {
        Self {
            is_broken: false,
            mistakes,
        }
    }

    /// The value, or a mistake in this word.
    pub(super) fn ok<T>(
        &mut self,
        given: &Given,
        word: &str,
        result: Result<T, SettingError>,
    ) -> Option<T> {
        let result = result.map_err(|error| (word.to_owned(), error));
        let value = self.mistakes.unless(given, result);
        self.is_broken |= value.is_none();
        value
    }

    /// What every word of a list means.
    pub(super) fn each<T>(
        &mut self,
        given: &Given,
        parse: impl Fn(&str) -> Result<T, SettingError>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for item in items_of(&given.words) {
            let (word, result) = match item {
                Ok(word) => (word.clone(), parse(&word)),
                Err((word, error)) => (word, Err(error)),
            };
            values.extend(self.ok(given, &word, result));
        }
        values
    }

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

/// Words that are one.
pub(super) fn one_word(given: &Given) -> &str {
    match &given.words {
        Words::One(word) => word,
        Words::Many(words) => words.first().map_or("", String::as_str),
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
