//! Rules as somebody wrote them: every word with its place, nothing compiled, nothing judged but its TOML type.

use serde_json::Value;

use crate::config::given::{Given, Origin};

/// The tables that say who may do what.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct TablesGiven {
    /// `[[rule]]`, in order.
    pub(in crate::config) rules: Vec<RuleGiven>,
    /// `[scope_hierarchy]`: a scope, and those that it implies.
    pub(in crate::config) hierarchy: Vec<(String, Given)>,
    /// `[tools]`: a tool's name, and the scopes of a call.
    pub(in crate::config) tools: Vec<(String, Given)>,
    /// The keys of the tables that were written, each with its place.
    pub(in crate::config) written: Vec<(&'static str, Origin)>,
}

/// One `[[rule]]`.
#[derive(Debug, Clone)]
pub(in crate::config) struct RuleGiven {
    /// Where it stands.
    pub(in crate::config) origin: Origin,
    pub(in crate::config) name: Option<Given>,
    pub(in crate::config) tools: Option<Given>,
    pub(in crate::config) prompts: Option<Given>,
    pub(in crate::config) resources: Option<Given>,
    pub(in crate::config) methods: Option<Given>,
    pub(in crate::config) arguments: Vec<ConditionGiven>,
    pub(in crate::config) demands: DemandsGiven,
    pub(in crate::config) any_of: Option<(Given, Vec<DemandsGiven>)>,
    pub(in crate::config) anonymous: Flag,
    pub(in crate::config) forbid: Flag,
    /// Whether what it is about could not be read, and was reported.
    pub(in crate::config) has_broken_subject: bool,
    /// Whether anything in it could not be read, and was reported.
    pub(in crate::config) is_broken: bool,
}

/// A boolean, if it was written.
pub(in crate::config) type Flag = Option<(bool, Given)>;

/// One element of `arguments`.
#[derive(Debug, Clone)]
pub(in crate::config) struct ConditionGiven {
    pub(in crate::config) pointer: Given,
    pub(in crate::config) test: TestGiven,
}

/// What an argument is compared with.
#[derive(Debug, Clone)]
pub(in crate::config) enum TestGiven {
    /// `equals` has one value, `in` several.
    OneOf(Given, Vec<Value>),
    /// A regular expression.
    Matches(Given),
}

/// What a rule, or one of its alternatives, asks of a caller.
#[derive(Debug, Clone)]
pub(in crate::config) struct DemandsGiven {
    pub(in crate::config) scopes: Option<Given>,
    pub(in crate::config) roles: Option<Given>,
    pub(in crate::config) tiers: Option<Given>,
    pub(in crate::config) tenants: Option<Given>,
    /// JSON Pointers into the claims, each with the values that are good.
    pub(in crate::config) claims: Vec<(Given, Vec<Value>)>,
}
