//! What a running gate would do with a request, found out without one: the same decisions in the same order.

use oauthgate_core::{Caller, Denial, ProtectedResource, Reason, Requirement, challenge::Answer};
use oauthgate_mcp::{
    Object, Payload,
    policy::{Explanation, Policy, RuleName},
};

use super::words::Outcome;
use crate::config::ResourceSettings;

/// A resource and its policy.
pub(crate) struct Court {
    policy: Policy,
    base: Requirement,
    resource: ProtectedResource,
    longest_message: usize,
}

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    Tools,
    Prompts,
    Resources,
    Templates,
}

/// What becomes of one request.
#[derive(Debug)]
pub(crate) struct Ruling {
    pub(crate) outcome: Outcome,
    /// The rules that decided, in the order of the operations.
    pub(crate) rules: Vec<String>,
    /// How each operation went through the table; empty when no operation was looked at.
    pub(crate) explanations: Vec<Explanation>,
    /// Why the request is refused, and what the client is told.
    pub(crate) refusal: Option<(Denial, Answer)>,
}

impl Court {
    pub(crate) fn of(settings: &ResourceSettings) -> Self {
        Self {
            policy: settings.policy(),
            base: settings.requirement(),
            resource: settings.provider.protected_resource(),
            longest_message: settings.policy.max_message_bytes,
        }
    }

    /// What becomes of this body, sent by this caller.
    pub(crate) fn rule(&self, body: &str, caller: Option<&Caller<'_>>) -> Ruling {
        let admitted = self.admit(caller);
        let payload = match admitted {
            Ok(()) if self.policy.has_rules() => self.read(body),
            Ok(()) => Ok(None),
            Err(denial) => Err(denial),
        };
        let payload = match payload {
            Ok(Some(payload)) => payload,
            Ok(None) => return Ruling::of(Ok(Vec::new()), Vec::new(), &self.resource),
            Err(denial) => return Ruling::of(Err(denial), Vec::new(), &self.resource),
        };
        let explanations = payload
            .operations()
            .map(|operation| self.policy.explain(operation, &self.base, caller))
            .collect();
        let judged = self
            .policy
            .would_decide(payload.operations(), &self.base, caller);
        Ruling::of(judged, explanations, &self.resource)
    }

    /// The items of a list that this caller is shown.
    pub(crate) fn shown(
        &self,
        kind: ListKind,
        items: &[String],
        caller: Option<&Caller<'_>>,
    ) -> Vec<String> {
        let is_shown = |name: &&String| match kind {
            ListKind::Tools => self.policy.shows(&Object::tool(*name), caller),
            ListKind::Prompts => self.policy.shows(&Object::prompt(*name), caller),
            ListKind::Resources => self.policy.shows(&Object::resource(*name), caller),
            ListKind::Templates => self.policy.shows_template(name, caller),
        };
        items.iter().filter(is_shown).cloned().collect()
    }

    /// What is decided before a message is read: whether there must be a token, and without rules everything.
    fn admit(&self, caller: Option<&Caller<'_>>) -> Result<(), Denial> {
        match caller {
            Some(_) if self.policy.has_rules() => Ok(()),
            Some(caller) => self.base.would_decide(caller),
            None if self.policy.allows_anonymous() => Ok(()),
            None => Err(Denial::new(Reason::NoCredentials)),
        }
    }

    fn read(&self, body: &str) -> Result<Option<Payload>, Denial> {
        if body.len() > self.longest_message {
            return Err(Denial::new(Reason::BodyTooLarge));
        }
        Payload::read(body.as_bytes(), self.policy.wanted())
            .map(Some)
            .map_err(|error| Denial::new(Reason::MalformedMessage).with_detail(error.to_string()))
    }
}

impl Ruling {
    fn of(
        judged: Result<Vec<RuleName>, Denial>,
        explanations: Vec<Explanation>,
        resource: &ProtectedResource,
    ) -> Self {
        let mut rules: Vec<String> = Vec::new();
        for rule in explanations.iter().filter_map(Explanation::rule) {
            if !rules.iter().any(|known| known == rule) {
                rules.push(rule.to_owned());
            }
        }
        let refusal = judged.err().map(|denial| {
            let answer = Answer::to(&denial, resource);
            (denial, answer)
        });
        Self {
            outcome: refusal
                .as_ref()
                .map_or(Outcome::Allow, |(denial, _)| Outcome::of(denial)),
            rules,
            explanations,
            refusal,
        }
    }
}
