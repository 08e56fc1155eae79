//! Which scope implies which (MCP 2026-07-28, Step-Up: broad scopes satisfy narrow demands).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{Scope, ScopeSet, SettingError};

/// Which scopes imply which others, transitively. The default is that none does.
///
/// ```
/// use oauthgate_core::{Scope, ScopeHierarchy, ScopeSet};
///
/// let hierarchy = ScopeHierarchy::new([
///     (Scope::new("files:admin")?, ScopeSet::parse("files:write")?),
///     (Scope::new("files:write")?, ScopeSet::parse("files:read")?),
/// ])?;
/// let held = ScopeSet::parse("files:admin")?;
/// assert!(hierarchy.closure(&held).includes(&ScopeSet::parse("files:read")?));
///
/// let needed = ScopeSet::parse("files:read files:write mail:send")?;
/// assert_eq!(hierarchy.reduced(&needed).to_string(), "files:write mail:send");
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeHierarchy {
    /// Every scope that implies others, with all that it implies; none implies itself.
    implied: Arc<BTreeMap<Scope, ScopeSet>>,
}

impl ScopeHierarchy {
    /// A hierarchy out of scopes and what each implies directly; a scope may be named more than once.
    ///
    /// # Errors
    /// When scopes imply each other in a circle: then they are one scope with several names, and no
    /// challenge could say which of them to ask for.
    pub fn new(edges: impl IntoIterator<Item = (Scope, ScopeSet)>) -> Result<Self, SettingError> {
        let mut direct: BTreeMap<Scope, ScopeSet> = BTreeMap::new();
        for (scope, implied) in edges {
            let all = direct.entry(scope).or_default();
            *all = all.union(&implied);
        }
        let implied: BTreeMap<_, _> = direct
            .keys()
            .map(|scope| (scope.clone(), reach(&direct, scope)))
            .collect();
        match implied.iter().find(|(scope, all)| all.contains(scope)) {
            Some((scope, _)) => Err(circle(scope)),
            None => Ok(Self {
                implied: Arc::new(implied),
            }),
        }
    }

    /// Whether no scope implies another.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.implied.is_empty()
    }

    /// The scopes that imply others, in order, each with all that it implies.
    pub fn iter(&self) -> impl Iterator<Item = (&Scope, &ScopeSet)> {
        self.implied.iter()
    }

    /// Whether who holds these scopes has this one: by name, or because one of them implies it.
    #[must_use]
    pub fn satisfies(&self, held: &ScopeSet, scope: &Scope) -> bool {
        held.contains(scope) || held.iter().any(|broad| self.implies(broad, scope))
    }

    /// The scopes and all that they imply.
    #[must_use]
    pub fn closure(&self, scopes: &ScopeSet) -> ScopeSet {
        let implied = scopes.iter().filter_map(|scope| self.implied.get(scope));
        implied.fold(scopes.clone(), |all, more| all.union(more))
    }

    /// The scopes without those that another of them implies: the fewest that amount to the same.
    #[must_use]
    pub fn reduced(&self, scopes: &ScopeSet) -> ScopeSet {
        let is_implied = |scope: &Scope| scopes.iter().any(|broad| self.implies(broad, scope));
        let needed = scopes.iter().filter(|scope| !is_implied(scope));
        needed.cloned().collect()
    }

    /// What of `needed` these scopes do not amount to, reduced.
    #[must_use]
    pub fn missing(&self, held: &ScopeSet, needed: &ScopeSet) -> ScopeSet {
        let missing = needed.iter().filter(|scope| !self.satisfies(held, scope));
        self.reduced(&missing.cloned().collect())
    }

    fn implies(&self, broad: &Scope, narrow: &Scope) -> bool {
        let implied = self.implied.get(broad);
        implied.is_some_and(|implied| implied.contains(narrow))
    }
}

/// All that a scope implies; itself among them when there is a circle.
fn reach(direct: &BTreeMap<Scope, ScopeSet>, from: &Scope) -> ScopeSet {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(scope) = open.pop() {
        let next = direct.get(scope).into_iter().flat_map(ScopeSet::iter);
        open.extend(next.filter(|scope| reached.insert((*scope).clone())));
    }
    reached.into_iter().collect()
}

fn circle(scope: &Scope) -> SettingError {
    SettingError::new(
        format!("the scope \"{scope}\" implies itself, by way of others or directly"),
        "broad scopes that imply narrower ones and never the other way round, for example \"files:write\" = [\"files:read\"]",
    )
}
