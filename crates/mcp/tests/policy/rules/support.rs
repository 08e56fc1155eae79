//! Small words for the tables of these tests.

use oauthgate_core::{
    Caller, Denial, Reason, Requirement, Scope, ScopeHierarchy, ScopeSet, UserContext, danger,
};
use oauthgate_mcp::{
    Arguments, Object, Operation,
    policy::{Decision, Policy, Rule, RuleBuilder, Verdict},
};
use serde_json::Value;

use crate::support::scopes;

pub(crate) fn policy(rules: impl IntoIterator<Item = RuleBuilder>) -> Policy {
    let rules = rules.into_iter().map(|rule| rule.build().unwrap());
    rules.fold(Policy::new(), Policy::rule)
}

pub(crate) fn rule() -> RuleBuilder {
    Rule::builder()
}

pub(crate) fn needing(text: &str) -> RuleBuilder {
    rule().scopes(scopes(text))
}

pub(crate) fn call(tool: &str) -> Operation {
    Operation::new(Operation::TOOLS_CALL).on(Object::tool(tool))
}

/// A call of `tool` with these arguments, as the policy reads them.
pub(crate) fn call_with(policy: &Policy, tool: &str, arguments: &Value) -> Operation {
    call(tool).with(Arguments::read(arguments, policy.wanted()).unwrap())
}

pub(crate) fn read(uri: &str) -> Operation {
    Operation::new(Operation::RESOURCES_READ).on(Object::resource(uri))
}

pub(crate) fn method(name: &str) -> Operation {
    Operation::new(name)
}

pub(crate) fn holding(text: &str) -> Caller<'static> {
    Caller::hypothetical().with_scopes(scopes(text))
}

pub(crate) fn user(text: &str) -> UserContext {
    danger::caller("alice", scopes(text))
}

pub(crate) fn hierarchy(edges: &[(&str, &str)]) -> ScopeHierarchy {
    let edges = edges
        .iter()
        .map(|(broad, narrow)| (Scope::new(*broad).unwrap(), scopes(narrow)));
    ScopeHierarchy::new(edges).unwrap()
}

/// In one word: `ok`, the missing scopes, or the reason's code.
pub(crate) fn word(policy: &Policy, operation: &Operation, caller: &Caller<'_>) -> String {
    match policy.examine(operation, Some(caller)).verdict {
        Verdict::Permitted => "ok".to_owned(),
        Verdict::MissingScopes { missing, .. } => format!("needs {missing}"),
        Verdict::Refused { reason, .. } => reason.code().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The name of the rule that decided.
pub(crate) fn decided_by(policy: &Policy, operation: &Operation) -> Option<String> {
    let examination = policy.examine(operation, Some(&Caller::hypothetical()));
    examination.rule.map(|rule| rule.to_string())
}

pub(crate) fn decide(
    policy: &Policy,
    operations: &[Operation],
    user: Option<&UserContext>,
) -> Result<Decision, Denial> {
    policy.decide(operations, &Requirement::default(), user)
}

/// The scopes that a refusal names.
pub(crate) fn asked(policy: &Policy, operations: &[Operation], held: &str) -> String {
    let denial = decide(policy, operations, Some(&user(held))).unwrap_err();
    assert_eq!(denial.reason(), Reason::InsufficientScope, "{denial:?}");
    denial.scopes().to_string()
}

pub(crate) fn set(text: &str) -> ScopeSet {
    scopes(text)
}
