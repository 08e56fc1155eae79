//! Whether step-up works: a caller that was challenged for scopes comes back with a newer token, and either
//! passes or is challenged for the same again. The second is how a login loop looks from here, and nobody
//! else can see it: the client shows a window again and again, the authorization server sees good logins.

mod memory;

use std::time::{Duration, Instant};

use oauthgate_core::{Denial, Reason, ScopeSet, UserContext};
use oauthgate_tower::Reference;
use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use self::memory::{Bearer, Challenged, Repetition, StepUps};
use super::{access::fingerprint, metrics::ResourceLabels};

const NOT_GRANTED: &str =
    "does the authorization server grant these scopes to this user and this client?";
const OVERWRITTEN: &str = "the client gives up other scopes to get these, and these to get others: try step_up = \"cumulative\"";

/// Where somebody was refused or passed: the resource, and the rules that decided.
pub(crate) type Place<'a> = (&'a str, &'a [String]);

/// Watches challenges for scope and what becomes of them.
#[derive(Debug)]
pub(crate) struct StepUpWatch {
    memory: StepUps,
    epoch: Instant,
    challenges: Family<ResourceLabels, Counter>,
    repeated: Family<ResourceLabels, Counter>,
    succeeded: Family<ResourceLabels, Counter>,
}

impl Default for StepUpWatch {
    fn default() -> Self {
        Self {
            memory: StepUps::default(),
            epoch: Instant::now(),
            challenges: Family::default(),
            repeated: Family::default(),
            succeeded: Family::default(),
        }
    }
}

impl StepUpWatch {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "step_up_challenges",
            "Requests refused for a scope that their caller may get by another login",
            self.challenges.clone(),
        );
        registry.register(
            "step_up_repeated",
            "Challenges for scopes that a newer token of the same caller lacks again: the authorization server does not grant them, or the client gives them up",
            self.repeated.clone(),
        );
        registry.register(
            "step_up_succeeded",
            "Callers that passed with a newer token where they had been challenged for scopes",
            self.succeeded.clone(),
        );
    }

    /// Counts from zero for this resource, so that the first of anything is seen to happen.
    pub(crate) fn begin(&self, resource: &str) {
        for counters in [&self.challenges, &self.repeated, &self.succeeded] {
            drop(counters.get_or_create(&ResourceLabels::of(resource)));
        }
    }

    /// Counts a refusal, if it is one for scope; says so when it is the first of a loop.
    pub(crate) fn refused(
        &self,
        user: &UserContext,
        place: Place<'_>,
        denial: &Denial,
        reference: &Reference,
        now: Instant,
    ) {
        if denial.reason() != Reason::InsufficientScope {
            return;
        }
        let resource = ResourceLabels::of(place.0);
        self.challenges.get_or_create(&resource).inc();
        let missing = missing(denial.scopes(), user.scopes());
        let bearer = Bearer::of(user);
        let now = self.since_the_start(now);
        let meaning = self
            .memory
            .refused(bearer, &place, &missing, reference, now);
        if let Challenged::Again(repetition) = meaning {
            self.repeated.get_or_create(&resource).inc();
            if repetition.is_news {
                warn_of_loop(place.0, user, &missing, reference, repetition);
            }
        }
    }

    /// Counts a request that passed, if it answers a challenge. Where nobody was challenged lately, no caller need
    /// be recognized.
    pub(crate) fn allowed(
        &self,
        user: &UserContext,
        place: Place<'_>,
        reference: &Reference,
        now: Instant,
    ) {
        let now = self.since_the_start(now);
        if !self.memory.is_awake(now) {
            return;
        }
        let Some(challenge) = self.memory.allowed(Bearer::of(user), &place, now) else {
            return;
        };
        self.succeeded
            .get_or_create(&ResourceLabels::of(place.0))
            .inc();
        tracing::info!(
            target: "oauthgate::step_up",
            resource = place.0,
            rule = place.1.join(" "),
            caller = fingerprint(user),
            %challenge,
            %reference,
            "scopes were granted after a challenge"
        );
    }

    fn since_the_start(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.epoch)
    }
}

/// Scopes of the configuration only: what the caller holds is left out.
fn missing(needed: &ScopeSet, held: &ScopeSet) -> ScopeSet {
    let missing = needed.iter().filter(|scope| !held.contains(scope));
    missing.cloned().collect()
}

fn warn_of_loop(
    resource: &str,
    user: &UserContext,
    missing: &ScopeSet,
    reference: &Reference,
    repetition: Repetition,
) {
    let hint = match repetition.had_them {
        true => OVERWRITTEN,
        false => NOT_GRANTED,
    };
    tracing::warn!(
        target: "oauthgate::step_up",
        resource,
        %missing,
        caller = fingerprint(user),
        %reference,
        hint,
        "a newer token lacks the same scopes again"
    );
}
