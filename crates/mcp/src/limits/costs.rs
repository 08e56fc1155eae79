//! What the calls of tools cost.

use std::cmp::Reverse;

use oauthgate_core::SettingError;

use crate::policy::Pattern;

/// What a call of each tool costs: 1, unless said otherwise.
///
/// Of several patterns that match, a name without stars counts before one with, then the longer one. A name
/// that a pattern matches only in the eyes of a careless reader costs what is more, unless it is spelled out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Costs {
    /// The one that counts first.
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    pattern: Pattern,
    cost: u32,
}

impl Costs {
    /// Of a call that nothing is said about.
    pub const DEFAULT: u32 = 1;

    /// Every call costs 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls of the tools that a pattern matches ([`Pattern`]) cost so much; 0 is for nothing.
    ///
    /// # Errors
    /// When the pattern could match nothing.
    pub fn tool(self, pattern: impl Into<String>, cost: u32) -> Result<Self, SettingError> {
        Ok(self.pattern(Pattern::parse(pattern)?, cost))
    }

    /// The same for a pattern that was read already; said again, it replaces what was said.
    pub fn pattern(mut self, pattern: Pattern, cost: u32) -> Self {
        self.entries.retain(|entry| entry.pattern != pattern);
        self.entries.push(Entry { pattern, cost });
        self.entries.sort_by_key(Entry::rank);
        self
    }

    /// What a call of this tool costs.
    #[must_use]
    pub fn of(&self, tool: &str) -> u32 {
        let found = self
            .entries
            .iter()
            .find(|entry| entry.pattern.matches(tool));
        let cost = found.map_or(Self::DEFAULT, |entry| entry.cost);
        if found.is_some_and(|entry| entry.pattern.is_literally(tool)) {
            return cost;
        }
        let mistakable = self
            .entries
            .iter()
            .filter(|entry| !entry.pattern.matches(tool) && entry.pattern.is_alike(tool));
        mistakable.map(|entry| entry.cost).fold(cost, u32::max)
    }

    /// Every pattern with its cost, in the order in which they count.
    pub fn iter(&self) -> impl Iterator<Item = (&Pattern, u32)> {
        self.entries
            .iter()
            .map(|entry| (&entry.pattern, entry.cost))
    }

    /// Whether every call costs 1.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Entry {
    fn rank(&self) -> (bool, Reverse<usize>, String) {
        let text = self.pattern.as_str();
        let length = text.chars().count();
        (self.pattern.has_stars(), Reverse(length), text.to_owned())
    }
}
