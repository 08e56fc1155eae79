//! From the keys of the rule table to a rule, with every mistake found at once.

use oauthgate_core::{Requirement, ScopeSet, SettingError, claims::ClaimPointer};
use serde_json::Value;

use super::{
    Condition, Pattern, Rule, RuleMistake, RuleMistakes,
    list::candidates,
    rule::Effect,
    subject::{Subject, WITH_ARGUMENTS, methods_on},
    uri,
};
use crate::ObjectKind;

/// How long a rule's name may be: it stands in logs and metrics.
const LONGEST_NAME: usize = 64;

/// A rule that is being filled in; [`Rule::builder`] starts one.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RuleBuilder {
    name: Option<String>,
    methods: Option<Vec<String>>,
    tools: Option<Vec<String>>,
    prompts: Option<Vec<String>>,
    resources: Option<Vec<String>>,
    arguments: Vec<Condition>,
    scopes: Option<ScopeSet>,
    roles: Option<Vec<String>>,
    tiers: Option<Vec<String>>,
    tenants: Option<Vec<String>>,
    claims: Vec<(ClaimPointer, Vec<Value>)>,
    any_of: Option<Vec<Requirement>>,
    anonymous: bool,
    forbid: bool,
}

impl RuleBuilder {
    /// What it is called in logs, metrics and explanations; else it is called by its number.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Methods, with stars: they narrow the objects; without any, all operations with these methods are meant.
    pub fn methods<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.methods = Some(texts(patterns));
        self
    }

    /// Tools by name, with stars.
    pub fn tools<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.tools = Some(texts(patterns));
        self
    }

    /// Prompts by name, with stars: getting them, and completing their arguments.
    pub fn prompts<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.prompts = Some(texts(patterns));
        self
    }

    /// Resources by URI, with stars: reading and watching them, and completing templates.
    pub fn resources<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.resources = Some(texts(patterns));
        self
    }

    /// What the arguments of a `tools/call` or `prompts/get` must be: all of this.
    pub fn arguments(mut self, conditions: impl IntoIterator<Item = Condition>) -> Self {
        self.arguments.extend(conditions);
        self
    }

    /// Demands all of these scopes.
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// Demands one of these roles ([`oauthgate_core::UserContext::groups`]).
    pub fn roles<T: Into<String>>(mut self, roles: impl IntoIterator<Item = T>) -> Self {
        self.roles = Some(texts(roles));
        self
    }

    /// Demands one of these tiers.
    pub fn tiers<T: Into<String>>(mut self, tiers: impl IntoIterator<Item = T>) -> Self {
        self.tiers = Some(texts(tiers));
        self
    }

    /// Demands one of these tenants.
    pub fn tenants<T: Into<String>>(mut self, tenants: impl IntoIterator<Item = T>) -> Self {
        self.tenants = Some(texts(tenants));
        self
    }

    /// Demands of each of these claims one of its values.
    pub fn claims(mut self, claims: impl IntoIterator<Item = (ClaimPointer, Vec<Value>)>) -> Self {
        self.claims.extend(claims);
        self
    }

    /// Demands one of these alternatives, instead of the demands above.
    pub fn any_of(mut self, alternatives: impl IntoIterator<Item = Requirement>) -> Self {
        self.any_of = Some(alternatives.into_iter().collect());
        self
    }

    /// Whether callers without a token may do it too.
    pub fn anonymous(mut self, anonymous: bool) -> Self {
        self.anonymous = anonymous;
        self
    }

    /// Whether the rule refuses; roles, tiers, tenants and claims then say whom.
    pub fn forbid(mut self, forbid: bool) -> Self {
        self.forbid = forbid;
        self
    }

    /// The rule.
    ///
    /// # Errors
    /// Everything that cannot be meant, each with the key to change.
    pub fn build(self) -> Result<Rule, RuleMistakes> {
        let mut mistakes = Mistakes::default();
        mistakes.note("name", self.check_name());
        let subject = self.subject(&mut mistakes);
        self.check_reach(&subject, &mut mistakes);
        mistakes.note("arguments", check_conditions(&self.arguments));
        self.check_effect(&mut mistakes);
        let effect = self.effect(&mut mistakes);
        let rule = Rule {
            name: self.name,
            subject,
            conditions: self.arguments,
            effect,
        };
        mistakes.or(rule)
    }

    fn check_name(&self) -> Result<(), SettingError> {
        let is_fit = |name: &String| {
            !name.is_empty()
                && name.len() <= LONGEST_NAME
                && !name.starts_with('#')
                && !name.chars().any(char::is_control)
        };
        match &self.name {
            Some(name) if !is_fit(name) => Err(wrong(
                "a rule cannot be called that",
                "1 to 64 bytes without control characters that do not start with #, for example readers",
            )),
            _ => Ok(()),
        }
    }

    fn subject(&self, mistakes: &mut Mistakes) -> Subject {
        Subject {
            methods: mistakes.patterns("methods", self.methods.as_ref(), method),
            tools: mistakes.patterns("tools", self.tools.as_ref(), Pattern::parse),
            prompts: mistakes.patterns("prompts", self.prompts.as_ref(), Pattern::parse),
            resources: mistakes.patterns("resources", self.resources.as_ref(), resource),
        }
    }

    /// Whether there is an operation for everything that the rule names.
    fn check_reach(&self, subject: &Subject, mistakes: &mut Mistakes) {
        if !mistakes.is_empty() {
            return;
        }
        if !subject.names_objects() && subject.methods.is_empty() {
            return mistakes.add("tools", wrong(
                "the rule is about nothing",
                "tools, prompts, resources or methods; methods = [\"*\"] is about every operation",
            ));
        }
        for (key, kind) in KINDS {
            let is_named = !subject.patterns(kind).is_empty();
            if is_named && !self.acts_on(subject, kind) {
                mistakes.add(key, wrong(
                    "the rule's methods, or its conditions on arguments, fit no operation on these, so that they can match nothing",
                    "methods that act on them; conditions on arguments of tools/call and prompts/get only",
                ));
            }
        }
        if !mistakes.is_empty() {
            return;
        }
        let useless = subject
            .methods
            .iter()
            .find(|method| !self.is_of_use(subject, method));
        if let Some(method) = useless {
            mistakes.add("methods", wrong(
                format!("the method {method} has nothing to do with the rule's objects or its conditions on arguments, so that it can match nothing"),
                "methods that act on the objects; conditions on arguments of tools/call and prompts/get only",
            ));
        }
    }

    fn acts_on(&self, subject: &Subject, kind: ObjectKind) -> bool {
        let mut methods = self.methods_of(kind);
        methods.any(|method| {
            subject.methods.is_empty()
                || subject.methods.iter().any(|listed| listed.matches(method))
        })
    }

    fn is_of_use(&self, subject: &Subject, listed: &Pattern) -> bool {
        let acts = |kind| self.methods_of(kind).any(|method| listed.matches(method));
        match subject.names_objects() {
            true => KINDS
                .into_iter()
                .any(|(_, kind)| !subject.patterns(kind).is_empty() && acts(kind)),
            false => {
                self.arguments.is_empty()
                    || WITH_ARGUMENTS.iter().any(|method| listed.matches(method))
            }
        }
    }

    /// The methods that act on this kind of object, with arguments if the rule has conditions on them.
    fn methods_of(&self, kind: ObjectKind) -> impl Iterator<Item = &'static str> {
        let with_arguments = !self.arguments.is_empty();
        let methods = methods_on(kind).iter().copied();
        methods.filter(move |method| !with_arguments || WITH_ARGUMENTS.contains(method))
    }

    /// Which keys cannot stand beside each other.
    fn check_effect(&self, mistakes: &mut Mistakes) {
        let narrows = self.roles.is_some()
            || self.tiers.is_some()
            || self.tenants.is_some()
            || !self.claims.is_empty();
        if self.forbid {
            const INSTEAD: &str = "forbid alone, or with roles, tiers, tenants or claims that say whom it forbids; a demand in a rule of its own";
            mistakes.add_if(
                self.scopes.is_some(),
                "scopes",
                "a rule that forbids demands no scopes",
                INSTEAD,
            );
            mistakes.add_if(
                self.any_of.is_some(),
                "any_of",
                "a rule that forbids demands nothing",
                INSTEAD,
            );
            mistakes.add_if(
                self.anonymous,
                "anonymous",
                "a rule that forbids lets nobody in",
                INSTEAD,
            );
        } else if self.anonymous {
            mistakes.add_if(
                narrows || self.scopes.is_some() || self.any_of.is_some(),
                "anonymous",
                "callers without a token meet no demand",
                "anonymous = true without scopes, roles, tiers, tenants, claims and any_of",
            );
        }
        mistakes.add_if(
            self.any_of.is_some() && (narrows || self.scopes.is_some()),
            "any_of",
            "the rule demands something beside its alternatives",
            "everything inside any_of, for example any_of = [{ scopes = [\"x\"], roles = [\"admin\"] }, { tiers = [\"pro\"] }]",
        );
    }

    fn effect(&self, mistakes: &mut Mistakes) -> Effect {
        let demanded = self.requirement(mistakes);
        match (self.forbid, self.anonymous, &self.any_of) {
            (true, _, _) => Effect::Forbid(demanded),
            (false, true, _) => Effect::AllowAnonymous,
            (false, false, None) => Effect::Allow(vec![demanded]),
            (false, false, Some(alternatives)) => {
                check_alternatives(alternatives, mistakes);
                Effect::Allow(alternatives.clone())
            }
        }
    }

    fn requirement(&self, mistakes: &mut Mistakes) -> Requirement {
        let mut demanded = Requirement::default();
        if let Some(scopes) = &self.scopes {
            mistakes.note("scopes", check_scopes(scopes));
            demanded = Requirement::scopes(scopes.clone());
        }
        for (key, values, with) in [
            ("roles", &self.roles, Requirement::with_roles as With),
            ("tiers", &self.tiers, Requirement::in_tiers),
            ("tenants", &self.tenants, Requirement::in_tenants),
        ] {
            if let Some(values) = values {
                mistakes.note(key, check_values(values));
                demanded = with(demanded, values.clone());
            }
        }
        for (claim, values) in &self.claims {
            match demanded.clone().with_claim(claim.clone(), values.clone()) {
                Ok(more) => demanded = more,
                Err(error) => mistakes.add("claims", error),
            }
        }
        demanded
    }
}

type With = fn(Requirement, Vec<String>) -> Requirement;

const KINDS: [(&str, ObjectKind); 3] = [
    ("tools", ObjectKind::Tool),
    ("prompts", ObjectKind::Prompt),
    ("resources", ObjectKind::Resource),
];

fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

/// A message whose method is no visible ASCII is refused before any rule is asked.
fn method(pattern: String) -> Result<Pattern, SettingError> {
    if !pattern.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong(
            "no method is written like that, so that the pattern can match nothing",
            "a method of MCP, or a part of one with stars, for example tools/call or notifications/*",
        ));
    }
    Pattern::parse(pattern)
}

fn resource(pattern: String) -> Result<Pattern, SettingError> {
    let pattern = Pattern::parse(pattern)?;
    match uri::flaw(&pattern.sample("x")) {
        Some(flaw) => Err(wrong(
            format!("{flaw}; such URIs are refused, so that the pattern can match nothing"),
            "a URI as the server writes it, tidy and without needless encoding, for example file:///public/*",
        )),
        None => Ok(pattern.of_uris()),
    }
}

/// Conditions that cannot all hold: of no value of one argument, or of an argument and another one in it.
fn check_conditions(conditions: &[Condition]) -> Result<(), SettingError> {
    for one in conditions {
        let inside = format!("{}/", one.pointer());
        let here = conditions
            .iter()
            .filter(|other| other.pointer() == one.pointer());
        let here: Vec<_> = here.collect();
        let is_listed = here.iter().any(|condition| !condition.values().is_empty());
        let is_torn = conditions
            .iter()
            .any(|other| other.pointer().starts_with(&inside));
        if is_torn || (is_listed && candidates(&here, &[]).is_empty()) {
            return Err(wrong(
                format!(
                    "the conditions on {} cannot hold all together, so that the rule can match nothing",
                    one.pointer()
                ),
                "conditions that one call can meet; alternatives in rules of their own, or as in = [\"dev\", \"stage\"]",
            ));
        }
    }
    Ok(())
}

fn check_alternatives(alternatives: &[Requirement], mistakes: &mut Mistakes) {
    let pointless =
        alternatives.is_empty() || alternatives.iter().any(Requirement::demands_nothing);
    mistakes.add_if(
        pointless,
        "any_of",
        "there is no alternative, or one that demands nothing and makes the others pointless",
        "alternatives that each demand something, for example any_of = [{ scopes = [\"x\"] }, { roles = [\"admin\"] }]",
    );
    for alternative in alternatives
        .iter()
        .filter(|one| !one.needed_scopes().is_empty())
    {
        mistakes.note("any_of", check_scopes(alternative.needed_scopes()));
    }
}

/// `offline_access` asks for a refresh token, and is no right: a challenge must never name it (MCP,
/// Refresh Tokens), so nobody could be told to get it.
fn check_scopes(scopes: &ScopeSet) -> Result<(), SettingError> {
    if scopes
        .iter()
        .any(|scope| scope.as_str() == "offline_access")
    {
        return Err(wrong(
            "offline_access is no right to do something, and no challenge may name it",
            "the scopes that the operation needs, for example [\"files:read\"]",
        ));
    }
    match scopes.is_empty() {
        true => Err(wrong(
            "there is no scope in the list",
            "at least one scope, or no such key for every caller with a good token",
        )),
        false => Ok(()),
    }
}

fn check_values(values: &[String]) -> Result<(), SettingError> {
    match values.is_empty() || values.iter().any(String::is_empty) {
        true => Err(wrong(
            "the list or a value in it is empty, so that nobody could be meant",
            "at least one value, or no such key for everybody",
        )),
        false => Ok(()),
    }
}

fn wrong(problem: impl Into<String>, expected: &str) -> SettingError {
    SettingError::new(problem, expected)
}

/// What was found so far.
#[derive(Default)]
struct Mistakes(Vec<RuleMistake>);

impl Mistakes {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, key: &'static str, error: SettingError) {
        self.0.push(RuleMistake {
            key,
            word: None,
            error,
        });
    }

    fn add_if(&mut self, is_wrong: bool, key: &'static str, problem: &str, expected: &str) {
        if is_wrong {
            self.add(key, wrong(problem, expected));
        }
    }

    fn note(&mut self, key: &'static str, checked: Result<(), SettingError>) {
        if let Err(error) = checked {
            self.add(key, error);
        }
    }

    fn patterns(
        &mut self,
        key: &'static str,
        texts: Option<&Vec<String>>,
        parse: impl Fn(String) -> Result<Pattern, SettingError>,
    ) -> Vec<Pattern> {
        self.add_if(
            texts.is_some_and(Vec::is_empty),
            key,
            "the list is empty, so that it can match nothing",
            "at least one name, or no such key",
        );
        let mut patterns = Vec::new();
        for text in texts.into_iter().flatten() {
            match parse(text.clone()) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => self.0.push(RuleMistake {
                    key,
                    word: Some(text.clone()),
                    error,
                }),
            }
        }
        patterns
    }

    fn or(self, rule: Rule) -> Result<Rule, RuleMistakes> {
        match self.0.is_empty() {
            true => Ok(rule),
            false => Err(RuleMistakes(self.0)),
        }
    }
}
