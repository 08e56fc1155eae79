//! A rule table as plain data, and what it means, written down a second time: slowly, and without a look
//! at how the crate does it.

use std::collections::{BTreeMap, BTreeSet};

use oauthgate_core::{
    Requirement, Scope, ScopeHierarchy, ScopeSet, UserContext, claims::ClaimPointer, danger,
};
use oauthgate_mcp::{
    Arguments, Object, Operation, Unlisted,
    policy::{Condition, Policy, Rule},
};
use serde_json::{Map, Value, json};

use crate::support::scopes;

#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) rules: Vec<ModelRule>,
    pub(crate) tools: BTreeMap<String, Demand>,
    /// `Some(None)` refuses.
    pub(crate) unlisted: Option<Option<Demand>>,
    pub(crate) hierarchy: Vec<(&'static str, Vec<&'static str>)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ModelRule {
    pub(crate) methods: Vec<&'static str>,
    pub(crate) tools: Vec<&'static str>,
    pub(crate) prompts: Vec<&'static str>,
    pub(crate) resources: Vec<&'static str>,
    pub(crate) conditions: Vec<(&'static str, Test)>,
    pub(crate) effect: Effect,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    In(Vec<Value>),
    Prefix(&'static str),
}

#[derive(Debug, Clone, Default)]
pub(crate) enum Effect {
    Allow(Vec<Demand>),
    #[default]
    Anonymous,
    Forbid(Demand),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Demand {
    pub(crate) scopes: BTreeSet<&'static str>,
    pub(crate) roles: Vec<&'static str>,
    pub(crate) tiers: Vec<&'static str>,
    pub(crate) tenants: Vec<&'static str>,
    pub(crate) department: Vec<Value>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Person {
    pub(crate) scopes: BTreeSet<&'static str>,
    pub(crate) roles: Vec<&'static str>,
    pub(crate) has_more_roles: bool,
    pub(crate) tier: &'static str,
    pub(crate) tenant: Option<&'static str>,
    pub(crate) department: Option<Value>,
}

#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) method: String,
    /// `tool`, `prompt` or `resource`, and its name.
    pub(crate) object: Option<(&'static str, String)>,
    pub(crate) arguments: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Permitted,
    MissingScopes,
    NoToken,
    Refused,
    Malformed,
}

// ── what the crate is given ──────────────────────────────────────────────────────────────────────────────

impl Demand {
    pub(crate) fn is_empty(&self) -> bool {
        self.scopes.is_empty()
            && self.roles.is_empty()
            && self.tiers.is_empty()
            && self.tenants.is_empty()
            && self.department.is_empty()
    }

    pub(crate) fn requirement(&self) -> Requirement {
        let text = self.scopes.iter().copied().collect::<Vec<_>>().join(" ");
        let mut all = Requirement::scopes(scopes(&text));
        let owned = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
        if !self.roles.is_empty() {
            all = all.with_roles(owned(&self.roles));
        }
        if !self.tiers.is_empty() {
            all = all.in_tiers(owned(&self.tiers));
        }
        if !self.tenants.is_empty() {
            all = all.in_tenants(owned(&self.tenants));
        }
        if !self.department.is_empty() {
            all = all
                .with_claim(department(), self.department.clone())
                .unwrap();
        }
        all
    }
}

fn department() -> ClaimPointer {
    ClaimPointer::parse("/department").unwrap()
}

impl ModelRule {
    /// The rule, unless it is one that the crate calls a mistake.
    pub(crate) fn rule(&self) -> Option<Rule> {
        let mut rule = Rule::builder();
        if !self.methods.is_empty() {
            rule = rule.methods(self.methods.clone());
        }
        if !self.tools.is_empty() {
            rule = rule.tools(self.tools.clone());
        }
        if !self.prompts.is_empty() {
            rule = rule.prompts(self.prompts.clone());
        }
        if !self.resources.is_empty() {
            rule = rule.resources(self.resources.clone());
        }
        let conditions = self.conditions.iter().map(|(pointer, test)| match test {
            Test::In(values) => Condition::is_in(pointer, values.clone()).unwrap(),
            Test::Prefix(prefix) => Condition::matches(pointer, &format!("^{prefix}")).unwrap(),
        });
        rule = rule.arguments(conditions);
        rule = match &self.effect {
            Effect::Anonymous => rule.anonymous(true),
            Effect::Allow(demands) if demands.len() == 1 && demands[0].is_empty() => rule,
            Effect::Allow(demands) => rule.any_of(demands.iter().map(Demand::requirement)),
            Effect::Forbid(whom) => {
                let mut rule = rule.forbid(true);
                if !whom.roles.is_empty() {
                    rule = rule.roles(whom.roles.clone());
                }
                if !whom.tiers.is_empty() {
                    rule = rule.tiers(whom.tiers.clone());
                }
                if !whom.tenants.is_empty() {
                    rule = rule.tenants(whom.tenants.clone());
                }
                if !whom.department.is_empty() {
                    rule = rule.claims([(department(), whom.department.clone())]);
                }
                rule
            }
        };
        rule.build().ok()
    }
}

impl Table {
    pub(crate) fn policy(&self) -> Policy {
        let edges = self
            .hierarchy
            .iter()
            .map(|(broad, narrow)| (Scope::new(*broad).unwrap(), scopes(&narrow.join(" "))));
        let mut policy = Policy::new().scope_hierarchy(ScopeHierarchy::new(edges).unwrap());
        for rule in &self.rules {
            policy = policy.rule(rule.rule().unwrap());
        }
        for (tool, demand) in &self.tools {
            policy = policy.tool(tool, demand.requirement());
        }
        match &self.unlisted {
            None => policy,
            Some(None) => policy.unlisted(Unlisted::Refuse),
            Some(Some(demand)) => policy.unlisted(Unlisted::Allow(demand.requirement())),
        }
    }
}

impl Person {
    pub(crate) fn user(&self) -> UserContext {
        let held: Vec<_> = self.scopes.iter().copied().collect();
        let roles = self.roles.iter().map(ToString::to_string);
        let user = danger::caller("alice", scopes(&held.join(" ")));
        let user = danger::in_groups(user, roles, self.has_more_roles);
        let user = danger::placed(user, self.tier, self.tenant.map(str::to_owned));
        let mut claims = Map::new();
        if let Some(department) = &self.department {
            claims.insert("department".to_owned(), department.clone());
        }
        danger::claiming(user, claims)
    }

    /// The same person with exactly these scopes.
    pub(crate) fn holding(&self, granted: &ScopeSet) -> UserContext {
        let user = self.user();
        let bare = danger::caller("alice", granted.clone());
        let bare = danger::in_groups(bare, user.groups().to_vec(), user.groups_truncated());
        let bare = danger::placed(bare, user.tier(), user.tenant_id().map(str::to_owned));
        danger::claiming(bare, user.claims().clone())
    }
}

impl Deed {
    pub(crate) fn operation(&self, policy: &Policy) -> Operation {
        let operation = Operation::new(self.method.clone());
        let operation = match &self.object {
            Some(("tool", name)) => operation.on(Object::tool(name)),
            Some(("prompt", name)) => operation.on(Object::prompt(name)),
            Some((_, name)) => operation.on(Object::resource(name)),
            None => operation,
        };
        operation.with(Arguments::read(&self.arguments, policy.wanted()).unwrap())
    }

    /// As a message would say it.
    pub(crate) fn message(&self, id: usize) -> Value {
        let name = self.object.as_ref().map(|(_, name)| name.clone());
        let params = match self.method.as_str() {
            "tools/call" | "prompts/get" => json!({ "name": name, "arguments": self.arguments }),
            "completion/complete" => match self.object.as_ref().map(|(kind, _)| *kind) {
                Some("prompt") => json!({ "ref": { "type": "ref/prompt", "name": name } }),
                _ => json!({ "ref": { "type": "ref/resource", "uri": name } }),
            },
            "subscriptions/listen" => match name {
                Some(uri) => json!({ "notifications": { "resourceSubscriptions": [uri] } }),
                None => json!({}),
            },
            _ => json!({ "uri": name }),
        };
        json!({ "jsonrpc": "2.0", "id": id, "method": self.method, "params": params })
    }
}

// ── what it means ────────────────────────────────────────────────────────────────────────────────────────

fn glob(pattern: &[char], name: &[char]) -> bool {
    match (pattern.first(), name.first()) {
        (None, None) => true,
        (Some('*'), _) => {
            glob(&pattern[1..], name) || (!name.is_empty() && glob(pattern, &name[1..]))
        }
        (Some(one), Some(other)) => one == other && glob(&pattern[1..], &name[1..]),
        _ => false,
    }
}

/// No pattern of the model has a `\*` in it.
fn matches(patterns: &[&str], name: &str, carelessly: bool) -> bool {
    let seen = |text: &str| -> Vec<char> {
        match carelessly {
            true => text.trim().to_lowercase().chars().collect(),
            false => text.chars().collect(),
        }
    };
    patterns
        .iter()
        .any(|pattern| glob(&seen(pattern), &seen(name)))
}

impl ModelRule {
    fn is_about(&self, deed: &Deed, carelessly: bool) -> bool {
        if !self.methods.is_empty() && !matches(&self.methods, &deed.method, carelessly) {
            return false;
        }
        let lists = [
            ("tool", &self.tools),
            ("prompt", &self.prompts),
            ("resource", &self.resources),
        ];
        if lists.iter().all(|(_, list)| list.is_empty()) {
            return true;
        }
        lists.iter().any(|(kind, list)| match &deed.object {
            Some((of, name)) => of == kind && matches(list, name, carelessly),
            None => false,
        })
    }

    fn spells_out(&self, deed: &Deed) -> bool {
        match &deed.object {
            Some(("tool", name)) => self.tools.contains(&name.as_str()),
            Some(("prompt", name)) => self.prompts.contains(&name.as_str()),
            Some((_, name)) => self.resources.contains(&name.as_str()),
            None => self.methods.contains(&deed.method.as_str()),
        }
    }

    fn conditions_hold(&self, deed: &Deed) -> bool {
        let forbids = matches!(self.effect, Effect::Forbid(_));
        self.conditions.iter().all(|(pointer, test)| {
            let has_arguments = ["tools/call", "prompts/get"].contains(&deed.method.as_str());
            let found = has_arguments
                .then(|| deed.arguments.pointer(pointer))
                .flatten();
            match (found, test) {
                (None, _) => false,
                (Some(Value::String(text)), Test::Prefix(prefix)) => text.starts_with(prefix),
                (Some(_), Test::Prefix(_)) => forbids,
                (Some(found), Test::In(values)) => {
                    if values.iter().any(|value| is_same(value, found)) {
                        return true;
                    }
                    forbids && !values.iter().any(|value| type_of(value) == type_of(found))
                }
            }
        })
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn type_of(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

fn elements(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    }
}

impl Table {
    fn implied(&self, held: &BTreeSet<&'static str>) -> BTreeSet<&'static str> {
        let mut all = held.clone();
        loop {
            let before = all.len();
            for (broad, narrow) in &self.hierarchy {
                if all.contains(broad) {
                    all.extend(narrow);
                }
            }
            if all.len() == before {
                return all;
            }
        }
    }

    fn meets_all_but_scopes(demand: &Demand, person: &Person) -> bool {
        (demand.roles.is_empty() || demand.roles.iter().any(|role| person.roles.contains(role)))
            && (demand.tiers.is_empty() || demand.tiers.contains(&person.tier))
            && (demand.tenants.is_empty()
                || person
                    .tenant
                    .is_some_and(|tenant| demand.tenants.contains(&tenant)))
            && (demand.department.is_empty()
                || person.department.as_ref().is_some_and(|found| {
                    elements(found)
                        .iter()
                        .any(|one| demand.department.iter().any(|value| is_same(value, one)))
                }))
    }

    fn judge(&self, demands: &[Demand], person: Option<&Person>) -> Kind {
        let Some(person) = person else {
            return Kind::NoToken;
        };
        let held = self.implied(&person.scopes);
        let possible: Vec<_> = demands
            .iter()
            .filter(|demand| Self::meets_all_but_scopes(demand, person))
            .collect();
        if possible.iter().any(|demand| demand.scopes.is_subset(&held)) {
            return Kind::Permitted;
        }
        match possible.is_empty() {
            true => Kind::Refused,
            false => Kind::MissingScopes,
        }
    }

    fn is_named(whom: &Demand, person: Option<&Person>) -> bool {
        let Some(person) = person else {
            return whom.is_empty();
        };
        let has_role =
            person.has_more_roles || whom.roles.iter().any(|role| person.roles.contains(role));
        let could_claim = |found: &Value| {
            elements(found).iter().any(|one| {
                whom.department.iter().any(|value| is_same(value, one))
                    || !whom
                        .department
                        .iter()
                        .any(|value| type_of(value) == type_of(one))
            })
        };
        (whom.roles.is_empty() || has_role)
            && (whom.tiers.is_empty() || whom.tiers.contains(&person.tier))
            && (whom.tenants.is_empty()
                || person
                    .tenant
                    .is_some_and(|tenant| whom.tenants.contains(&tenant)))
            && (whom.department.is_empty() || person.department.as_ref().is_some_and(could_claim))
    }

    /// What one deed is worth, and the number of the rule that says so, counted from one.
    pub(crate) fn worth(&self, deed: &Deed, person: Option<&Person>) -> (Kind, Option<usize>) {
        let refused = match person {
            Some(_) => Kind::Refused,
            None => Kind::NoToken,
        };
        let guards_resources = self.rules.iter().any(|rule| !rule.resources.is_empty());
        if let Some(("resource", uri)) = &deed.object
            && guards_resources
            && (uri.contains("..") || uri.contains('%') || uri.contains('\\'))
        {
            return (Kind::Malformed, None);
        }
        let mut mistakable = None;
        for (position, rule) in self.rules.iter().enumerate() {
            if !rule.is_about(deed, false) {
                if rule.is_about(deed, true) {
                    mistakable = mistakable.or(Some(position + 1));
                }
                continue;
            }
            if !rule.conditions_hold(deed) {
                continue;
            }
            let demands = match &rule.effect {
                Effect::Forbid(whom) if Self::is_named(whom, person) => {
                    return (refused, Some(position + 1));
                }
                Effect::Forbid(_) => continue,
                Effect::Anonymous => None,
                Effect::Allow(demands) => Some(demands),
            };
            if mistakable.is_some() && !rule.spells_out(deed) {
                return (Kind::Malformed, mistakable);
            }
            let kind = demands.map_or(Kind::Permitted, |demands| self.judge(demands, person));
            return (kind, Some(position + 1));
        }
        match self.behind_the_rules(deed, person, mistakable.is_some(), refused) {
            Kind::Malformed => (Kind::Malformed, mistakable),
            kind => (kind, None),
        }
    }

    fn behind_the_rules(
        &self,
        deed: &Deed,
        person: Option<&Person>,
        is_mistakable: bool,
        refused: Kind,
    ) -> Kind {
        let token = [Demand::default()];
        if deed.method == "tools/call" {
            let (_, tool) = deed.object.as_ref().unwrap();
            if let Some(demand) = self.tools.get(tool) {
                return self.judge(std::slice::from_ref(demand), person);
            }
            let careless = |name: &str| name.trim().to_lowercase();
            let is_listed = self
                .tools
                .keys()
                .any(|name| careless(name) == careless(tool));
            return match &self.unlisted {
                Some(Some(_)) if is_mistakable || is_listed => Kind::Malformed,
                Some(Some(demand)) => self.judge(std::slice::from_ref(demand), person),
                _ => refused,
            };
        }
        let is_housekeeping = ["tools/list", "ping"].contains(&deed.method.as_str());
        let is_stream = deed.method == "subscriptions/listen" && deed.object.is_none();
        let is_notification = deed.method.starts_with("notifications/");
        match is_housekeeping || is_stream || is_notification || self.rules.is_empty() {
            true if is_mistakable && !is_housekeeping => Kind::Malformed,
            true => self.judge(&token, person),
            false => refused,
        }
    }

    /// What several deeds in one request are worth.
    pub(crate) fn worth_of_all(&self, deeds: &[Deed], person: Option<&Person>) -> Kind {
        let all = deeds.iter().map(|deed| self.worth(deed, person).0);
        let worst = all.max().unwrap_or(Kind::Permitted);
        match person {
            None if deeds.is_empty() => Kind::NoToken,
            _ => worst,
        }
    }

    /// How few scopes would have to be granted to a person for all of this.
    pub(crate) fn fewest_missing(&self, deeds: &[Deed], person: &Person) -> usize {
        let all = ["a", "b", "c", "d", "e"];
        let sets = (0..1_u32 << all.len()).map(|bits| {
            let of = all
                .iter()
                .enumerate()
                .filter(move |(bit, _)| bits & (1 << bit) != 0);
            of.map(|(_, scope)| *scope).collect::<BTreeSet<_>>()
        });
        let opens = |granted: &BTreeSet<&'static str>| {
            let mut person = person.clone();
            person.scopes.extend(granted);
            self.worth_of_all(deeds, Some(&person)) == Kind::Permitted
        };
        sets.filter(opens)
            .map(|granted| granted.len())
            .min()
            .unwrap()
    }
}
