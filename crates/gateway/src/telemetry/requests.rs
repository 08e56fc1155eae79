//! What is counted of every request. Nothing is looked up by labels while a request waits: each resource has
//! its counters at hand, each from the first time that there is something to count.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use oauthgate_core::{Blame, Denial, Reason};
use oauthgate_mcp::Decided;
use oauthgate_tower::quota::Counted;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

use super::{durations::Durations, metrics::ResourceLabels, sample::Sample};

/// How a request ended, for whom, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    /// The resource's name, or `none` where no resource lives.
    resource: String,
    outcome: &'static str,
    reason: &'static str,
}

/// What a rule decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DecisionLabels {
    resource: String,
    /// The rule, as the configuration names it.
    rule: String,
    decision: &'static str,
}

/// What a limit decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LimitLabels {
    resource: String,
    /// The limit, as the configuration names it.
    limit: String,
    decision: &'static str,
}

type DurationsByResource = Family<ResourceLabels, Durations, fn() -> Durations>;

/// What is counted of the requests of all resources. Clones share.
#[derive(Debug, Clone)]
pub(crate) struct RequestMetrics {
    pub(super) counts: Family<RequestLabels, Counter>,
    pub(super) verification: DurationsByResource,
    pub(super) upstream: DurationsByResource,
    pub(super) decisions: Family<DecisionLabels, Counter>,
    pub(super) limit_decisions: Family<LimitLabels, Counter>,
    /// How many allowed requests share one access line.
    sample: u32,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self::sampling(1)
    }
}

impl RequestMetrics {
    /// With one access line for so many allowed requests of a resource.
    pub(crate) fn sampling(sample: u32) -> Self {
        Self {
            counts: Family::default(),
            verification: Family::new_with_constructor(|| Durations::within(VERIFICATION)),
            upstream: Family::new_with_constructor(|| Durations::within(UPSTREAM)),
            decisions: Family::default(),
            limit_decisions: Family::default(),
            sample,
        }
    }

    /// Those of one resource.
    pub(crate) fn of(&self, resource: &str) -> ResourceMetrics {
        ResourceMetrics {
            resource: resource.into(),
            all: self.clone(),
            allowed: OnceLock::new(),
            answered: OnceLock::new(),
            denied: Reason::ALL.iter().map(|_| OnceLock::new()).collect(),
            verification: OnceLock::new(),
            upstream: OnceLock::new(),
            rules: CountersByName::default(),
            limits: CountersByName::default(),
            sample: Sample::of(self.sample),
        }
    }
}

/// What is counted of the requests of one resource.
#[derive(Debug)]
pub(crate) struct ResourceMetrics {
    resource: Arc<str>,
    all: RequestMetrics,
    allowed: OnceLock<Counter>,
    answered: OnceLock<Counter>,
    /// In the order of [`Reason::ALL`].
    denied: Box<[OnceLock<Counter>]>,
    verification: OnceLock<Durations>,
    upstream: OnceLock<Durations>,
    rules: CountersByName<4>,
    limits: CountersByName<3>,
    pub(super) sample: Sample,
}

impl ResourceMetrics {
    /// The resource's name.
    pub(crate) fn resource(&self) -> &Arc<str> {
        &self.resource
    }

    /// Counts a request.
    pub(crate) fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Allowed => Some(&self.allowed),
            Outcome::Answered => Some(&self.answered),
            // The reasons are numbered as they are listed; a test says so.
            Outcome::Denied(reason) => self.denied.get(reason as usize),
        };
        let counter = counter.map(|place| place.get_or_init(|| self.counter(outcome)));
        counter.map(Counter::inc);
    }

    fn counter(&self, outcome: Outcome) -> Counter {
        self.all.counts.get_or_create_owned(&RequestLabels {
            resource: self.resource.to_string(),
            outcome: outcome.name(),
            reason: outcome.reason(),
        })
    }

    /// From the arrival of a request to the decision on its token.
    pub(crate) fn verification_took(&self, duration: Duration) {
        let make = || self.durations(&self.all.verification);
        self.verification.get_or_init(make).observe(duration);
    }

    /// From the decision to the head of the upstream's response.
    pub(crate) fn upstream_took(&self, duration: Duration) {
        let make = || self.durations(&self.all.upstream);
        self.upstream.get_or_init(make).observe(duration);
    }

    fn durations(&self, family: &DurationsByResource) -> Durations {
        family.get_or_create_owned(&ResourceLabels::of(&self.resource))
    }

    /// Counts what the rules decided, each once a request.
    pub(crate) fn count_decision(&self, decided: &Decided, denial: Option<&Denial>) {
        let decision = Decision::on(denial);
        let rules = decided.rules();
        let none = rules.is_empty().then_some(NO_RULE);
        for rule in rules.iter().map(String::as_str).chain(none) {
            self.rules.count(rule, decision as usize, || {
                self.all.decisions.get_or_create_owned(&DecisionLabels {
                    resource: self.resource.to_string(),
                    rule: rule.to_owned(),
                    decision: decision.name(),
                })
            });
        }
    }

    /// Counts what the limits decided, each once a request.
    pub(crate) fn count_limits(&self, counted: &Counted) {
        let over = counted.refused_by();
        for limit in counted.limits() {
            let (which, decision) = match over {
                None => (0, "within"),
                Some(over) if over.name == limit.name => (1, "over"),
                Some(_) => (2, "spared"),
            };
            self.limits.count(&limit.name, which, || {
                self.all.limit_decisions.get_or_create_owned(&LimitLabels {
                    resource: self.resource.to_string(),
                    limit: limit.name.to_string(),
                    decision,
                })
            });
        }
    }
}

/// Counters of things that the configuration names, so that there is a bound to them; some for each.
#[derive(Debug)]
struct CountersByName<const EACH: usize>(RwLock<HashMap<Box<str>, [OnceLock<Counter>; EACH]>>);

impl<const EACH: usize> Default for CountersByName<EACH> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<const EACH: usize> CountersByName<EACH> {
    /// Counts with one of the counters of this name; `make` says which it is, the first time.
    fn count(&self, name: &str, which: usize, make: impl FnOnce() -> Counter) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(name).and_then(|counters| counters.get(which)) {
            counter.get_or_init(make).inc();
            return;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let counters = known
            .entry(name.into())
            .or_insert_with(|| [const { OnceLock::new() }; EACH]);
        if let Some(counter) = counters.get(which) {
            counter.get_or_init(make).inc();
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It passed, with a good token or by a rule for everybody.
    Allowed,
    /// The gate itself answered, as it answers anybody: a metadata document, a preflight.
    Answered,
    /// It was refused, or failed.
    Denied(Reason),
}

impl Outcome {
    /// Nobody passes without a token or a rule for everybody, so what was not refused and has neither is an
    /// answer of our own.
    pub(crate) fn of(denial: Option<&Denial>, was_let_in: bool) -> Self {
        match denial {
            Some(denial) => Self::Denied(denial.reason()),
            None if was_let_in => Self::Allowed,
            None => Self::Answered,
        }
    }

    /// In lines and labels.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Answered => "answered",
            Self::Denied(reason) => match reason.blame() {
                Blame::Surroundings | Blame::UpstreamUnreachable | Blame::UpstreamSlow => "failed",
                _ => "refused",
            },
        }
    }

    /// The stable code, or `ok`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Allowed | Self::Answered => "ok",
            Self::Denied(reason) => reason.code(),
        }
    }
}

/// Where no rule is about what was asked.
const NO_RULE: &str = "none";

/// What became of a request that rules decided on.
#[derive(Debug, Clone, Copy)]
enum Decision {
    Allowed,
    /// For a scope.
    Challenged,
    /// Nobody was calling.
    Login,
    Refused,
}

impl Decision {
    /// Trouble behind the gate changes nothing about what was decided.
    fn on(denial: Option<&Denial>) -> Self {
        match denial.map(|denial| denial.reason().blame()) {
            Some(Blame::Scope) => Self::Challenged,
            Some(Blame::NoCredentials) => Self::Login,
            Some(Blame::Rights | Blame::Request) => Self::Refused,
            _ => Self::Allowed,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Challenged => "challenged",
            Self::Login => "login",
            Self::Refused => "refused",
        }
    }
}

/// In nanoseconds: from 10 µs (a known key) to 10 s (a first request that waits for keys).
const VERIFICATION: &[u64] = &[
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
];

/// In nanoseconds: from a millisecond to a minute.
const UPSTREAM: &[u64] = &[
    1_000_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, true, "allowed", "ok")]
    #[case(None, false, "answered", "ok")]
    #[case(Some(Reason::Expired), false, "refused", "expired")]
    #[case(Some(Reason::JwksUnavailable), false, "failed", "jwks_unavailable")]
    #[case(Some(Reason::UpstreamTimeout), true, "failed", "upstream_timeout")]
    fn an_end_has_an_outcome_and_a_reason(
        #[case] reason: Option<Reason>,
        #[case] was_let_in: bool,
        #[case] name: &str,
        #[case] code: &str,
    ) {
        let outcome = Outcome::of(reason.map(Denial::new).as_ref(), was_let_in);
        assert_eq!((outcome.name(), outcome.reason()), (name, code));
    }

    #[test]
    fn every_outcome_has_a_counter_of_its_own() {
        let all = RequestMetrics::default();
        let (one, other) = (all.of("one"), all.of("other"));
        let denied = Reason::ALL.iter().copied().map(Outcome::Denied);
        let outcomes: Vec<_> = [Outcome::Allowed, Outcome::Answered]
            .into_iter()
            .chain(denied)
            .collect();
        for (times, outcome) in (1..).zip(&outcomes) {
            (0..times).for_each(|_| one.count(*outcome));
        }
        other.count(Outcome::Allowed);
        for (times, outcome) in (1..).zip(&outcomes) {
            assert_eq!(one.counter(*outcome).get(), times, "{outcome:?}");
        }
        assert_eq!(other.counter(Outcome::Allowed).get(), 1);
    }

    #[test]
    fn a_name_counts_apart_from_other_names_and_other_decisions() {
        let family: Family<Vec<(String, String)>, Counter> = Family::default();
        let counters = CountersByName::<2>::default();
        let count = |name: &str, which: usize| {
            let labels = vec![(name.to_owned(), which.to_string())];
            counters.count(name, which, || family.get_or_create_owned(&labels));
            family.get_or_create_owned(&labels).get()
        };
        let counted = [("a", 0), ("a", 0), ("a", 1), ("b", 0), ("a", 0)];
        let counted = counted.map(|(name, which)| count(name, which));
        assert_eq!(counted, [1, 2, 1, 1, 3]);
    }
}
