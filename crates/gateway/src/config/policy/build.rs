//! The policy that the settings come to: for the gate, and for whoever asks what the gate would do.

use oauthgate_core::Requirement;
use oauthgate_mcp::policy::{Policy, Rule, Unlisted};

use crate::config::settings::{ResourceSettings, Tools, UnlistedTools};

impl ResourceSettings {
    /// What every request with a token needs.
    #[must_use]
    pub fn requirement(&self) -> Requirement {
        Requirement::scopes(self.required_scopes.clone()).under(self.policy.scope_hierarchy.clone())
    }

    /// Who may do what: the rules, and the listed tools behind them.
    pub fn policy(&self) -> Policy {
        policy(&self.policy.rules, &self.tools)
            .scope_hierarchy(self.policy.scope_hierarchy.clone())
            .list_filter(self.policy.list_filter)
            .step_up(self.policy.step_up)
    }
}

/// Rules, and listed tools behind them.
pub(super) fn policy(rules: &[Rule], tools: &Tools) -> Policy {
    let policy = rules.iter().cloned().fold(Policy::new(), Policy::rule);
    // Without a listed tool the word has a meaning behind rules only, which refuse all else themselves.
    let says_nothing = !policy.has_rules() || tools.unlisted == UnlistedTools::Refuse;
    if tools.is_empty() && says_nothing {
        return policy;
    }
    let unlisted = match tools.unlisted {
        UnlistedTools::Refuse => Unlisted::Refuse,
        UnlistedTools::Allow => Unlisted::Allow(Requirement::authenticated()),
    };
    let tools = tools.scopes.iter();
    tools.fold(policy.unlisted(unlisted), |policy, (name, scopes)| {
        policy.tool(name, Requirement::scopes(scopes.clone()))
    })
}
