//! One line a request: what was asked, how it ended, and why. Never a token, a query string or a path
//! below the resource; whatever a client wrote is escaped and cut.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use http::{Method, Response};
use oauthgate_core::{Blame, Denial, UserContext};
use oauthgate_mcp::Decided;
use oauthgate_tower::{Reference, quota::Counted};

use super::{
    metrics::{RequestLabels, SharedMetrics, observe},
    slow_peers::SlowPeers,
    step_up::Bearer,
};

/// A request on its way. Rides in the request's extensions, so that authentication can say when it was
/// done and whom it found.
#[derive(Debug, Clone)]
pub struct Passage {
    method: Method,
    client: IpAddr,
    reference: Reference,
    started: Instant,
    metrics: SharedMetrics,
    caller: Arc<OnceLock<Caller>>,
    /// When it was clear that nobody in particular is calling, where that is an option.
    nobody_after: Arc<OnceLock<Duration>>,
}

/// Whom authentication found, and when.
#[derive(Debug)]
struct Caller {
    fingerprint: String,
    actors: Option<String>,
    /// Only while somebody may be answering a challenge.
    bearer: Option<Bearer>,
    after: Duration,
}

impl Passage {
    /// A request that just came in.
    pub(crate) fn begin(
        method: &Method,
        client: IpAddr,
        reference: Reference,
        metrics: SharedMetrics,
    ) -> Self {
        Self {
            method: method.clone(),
            client,
            reference,
            started: Instant::now(),
            metrics,
            caller: Arc::default(),
            nobody_after: Arc::default(),
        }
    }

    /// Where peers are counted that are not waited for any longer.
    pub(crate) fn slow_peers(&self) -> SlowPeers {
        self.metrics.slow_peers.clone()
    }

    /// The token was good, and this is its owner.
    pub(crate) fn authenticated(&self, user: &UserContext) {
        // Only the first word counts: a request is authenticated once.
        let _ = self.caller.set(Caller {
            fingerprint: fingerprint(user),
            actors: listed_if_any(user.actors()),
            bearer: self.metrics.step_up.recognize(user),
            after: self.started.elapsed(),
        });
    }

    /// The request offers no credentials and may go on without.
    pub(crate) fn anonymous(&self) {
        let _ = self.nobody_after.set(self.started.elapsed());
    }

    /// The head of the response is there: writes the line and counts the request.
    pub(crate) fn end<B>(&self, resource: Option<&str>, response: &Response<B>) {
        let duration = self.started.elapsed();
        let denial = response.extensions().get::<Denial>();
        let decided = response.extensions().get::<Decided>();
        let anonymous = decided.is_some_and(Decided::is_anonymous);
        let (outcome, reason) = verdict(denial, self.caller.get().is_some() || anonymous);
        self.measure(resource, denial, duration);
        let resource = resource.unwrap_or("none");
        self.watch_step_up(resource, response);
        if let Some(decided) = decided {
            self.metrics.count_decision(resource, decided, denial);
        }
        let counted = response.extensions().get::<Counted>();
        if let Some(counted) = counted {
            self.metrics.count_limits(resource, counted);
        }
        let over = counted.and_then(Counted::refused_by);
        self.metrics
            .requests
            .get_or_create(&RequestLabels {
                resource: resource.to_owned(),
                outcome,
                reason,
            })
            .inc();
        tracing::info!(
            target: "oauthgate::access",
            method = method(&self.method),
            resource,
            status = response.status().as_u16(),
            outcome,
            reason,
            detail = denial.and_then(Denial::detail).map(escaped),
            reference = %self.reference,
            caller = self.caller.get().map(|caller| caller.fingerprint.as_str()),
            actors = self.caller.get().and_then(|caller| caller.actors.as_deref()),
            anonymous = anonymous.then_some(true),
            rule = decided.and_then(|decided| rules_if_any(decided.rules())),
            mcp_method = decided.and_then(|decided| listed_if_any(decided.methods())),
            mcp_name = decided.and_then(|decided| listed_if_any(decided.objects())),
            limit = over.map(|limit| &*limit.name),
            limit_by = over.map(|limit| limit.by.iter().map(|by| by.as_str()).collect::<Vec<_>>().join(" ")),
            retry_after_s = counted.and_then(Counted::wait).map(whole_seconds),
            client = %self.client,
            duration_ms = milliseconds(duration),
        );
    }

    /// Tells those who watch for login loops about a refusal for scope, or that a caller passed who may have
    /// been refused before.
    fn watch_step_up<B>(&self, resource: &str, response: &Response<B>) {
        let extensions = response.extensions();
        let rules = extensions.get::<Decided>().map_or(&[][..], Decided::rules);
        let place = (resource, rules);
        let watch = &self.metrics.step_up;
        match (extensions.get::<Denial>(), self.caller.get()) {
            (Some(denial), _) => {
                if let Some(user) = extensions.get::<UserContext>() {
                    watch.refused(user, place, denial, &self.reference);
                }
            }
            (None, Some(caller)) => {
                if let Some(bearer) = caller.bearer {
                    watch.allowed(bearer, &caller.fingerprint, place, &self.reference);
                }
            }
            (None, None) => {}
        }
    }

    /// A good token took until its owner was found; a bad one until the answer.
    fn measure(&self, resource: Option<&str>, denial: Option<&Denial>, duration: Duration) {
        let metrics = &self.metrics;
        let Some(resource) = resource else { return };
        if let Some(caller) = self.caller.get() {
            observe(&metrics.verification, resource, caller.after);
            observe(
                &metrics.upstream,
                resource,
                duration.saturating_sub(caller.after),
            );
        } else if let (Some(after), None) = (self.nobody_after.get(), denial) {
            observe(&metrics.upstream, resource, duration.saturating_sub(*after));
        } else if denial.is_some_and(|denial| denial.reason().blame() == Blame::Token) {
            observe(&metrics.verification, resource, duration);
        }
    }
}

/// Nobody passes without a token or a rule for everybody, so what was not refused and has neither is an answer
/// of our own: a metadata document, a preflight.
fn verdict(denial: Option<&Denial>, was_let_in: bool) -> (&'static str, &'static str) {
    let Some(denial) = denial else {
        return (if was_let_in { "allowed" } else { "answered" }, "ok");
    };
    let outcome = match denial.reason().blame() {
        Blame::Surroundings | Blame::UpstreamUnreachable | Blame::UpstreamSlow => "failed",
        _ => "refused",
    };
    (outcome, denial.code())
}

/// The methods of RFC 9110; clients may invent others, as long as they like.
fn method(method: &Method) -> &str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    if known.contains(method) {
        method.as_str()
    } else {
        "other"
    }
}

/// The same caller has the same fingerprint; nobody can read a subject out of it at a glance.
pub(super) fn fingerprint(user: &UserContext) -> String {
    let identity = format!(
        "{}\0{:?}\0{}\0{}",
        user.issuer(),
        user.kind(),
        user.tenant_id().unwrap_or_default(),
        user.user_id()
    );
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, identity.as_bytes());
    digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Names in one field: who acts for the caller (RFC 8693 §4.1), the one that acts now first; methods,
/// tools. A blank within a name is escaped, so that nobody counts for two.
fn listed(actors: &[String]) -> String {
    let blank = |character: char| match character.is_whitespace() {
        true => character.escape_unicode().to_string(),
        false => character.to_string(),
    };
    let names = actors.iter().map(|name| name.chars().map(blank).collect());
    escaped(&names.collect::<Vec<String>>().join(" "))
}

/// As `Retry-After` says it.
fn whole_seconds(wait: Duration) -> u64 {
    let begun = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(begun).max(1)
}

/// To the microsecond: more is noise, and rounding errors of more are ugly.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Rules as the operator called them, so that a search for the name finds the line; as in the detail beside it.
fn rules_if_any(rules: &[String]) -> Option<String> {
    (!rules.is_empty()).then(|| escaped(&rules.join(", ")))
}

/// Names in one field, unless there are none.
fn listed_if_any(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| listed(names))
}

/// Text from outside: control characters and line separators escaped, cut at 256 bytes.
fn escaped(text: &str) -> String {
    const LONGEST: usize = 256;
    let mut line = String::new();
    for character in text.chars() {
        let legible = !character.is_control()
            && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let piece: String = if legible {
            character.to_string()
        } else {
            character.escape_unicode().collect()
        };
        if line.len() + piece.len() > LONGEST {
            line.push('…');
            break;
        }
        line.push_str(&piece);
    }
    line
}

#[cfg(test)]
mod tests {
    use oauthgate_core::Reason;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a\r\nb", "a\\u{d}\\u{a}b")]
    #[case("\u{1b}[31m", "\\u{1b}[31m")]
    #[case("a\u{2028}b\u{202e}c", "a\\u{2028}b\\u{202e}c")]
    #[case("größe", "größe")]
    fn h1_text_from_outside_stays_on_its_line(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(escaped(text), expected);
    }

    #[test]
    fn h1_text_from_outside_is_cut() {
        let cut = escaped(&"\n".repeat(1_000_000));
        assert!(cut.len() <= 256 + '…'.len_utf8(), "{} bytes", cut.len());
        assert!(cut.ends_with('…'));
    }

    #[rstest]
    #[case(&["agent-1"], "agent-1")]
    #[case(&["agent-1", "agent-0"], "agent-1 agent-0")]
    #[case(&["agent-1 agent-0"], "agent-1\\u{20}agent-0")]
    #[case(&["a\nb\u{a0}c\u{202e}d"], "a\\u{a}b\\u{a0}c\\u{202e}d")]
    fn trap_35_actors_are_listed_and_none_counts_for_two(
        #[case] actors: &[&str],
        #[case] expected: &str,
    ) {
        let actors: Vec<_> = actors.iter().map(ToString::to_string).collect();
        assert_eq!(listed(&actors), expected);
    }

    #[test]
    fn times_are_told_to_the_microsecond() {
        let told = milliseconds(Duration::from_nanos(428_688)).to_string();
        assert_eq!(told, "0.429");
        assert_eq!(
            milliseconds(Duration::from_secs(86_400)).to_string(),
            "86400000"
        );
    }

    #[test]
    fn rules_are_called_what_the_operator_called_them() {
        assert_eq!(rules_if_any(&[]), None);
        let rules = ["no interns", "all\u{2028}else"].map(str::to_owned);
        let line = rules_if_any(&rules).unwrap();
        assert_eq!(line, "no interns, all\\u{2028}else");
    }

    #[test]
    fn trap_35_a_list_of_actors_is_cut_after_the_first() {
        let long: Vec<_> = (0..8)
            .map(|number| format!("{number}{}", "x".repeat(200)))
            .collect();
        let line = listed(&long);
        assert!(line.starts_with(&long[0]) && line.len() <= 256 + '…'.len_utf8());
    }

    #[test]
    fn h8_a_method_that_somebody_invented_is_no_label() {
        assert_eq!(method(&Method::POST), "POST");
        assert_eq!(method(&Method::from_bytes(b"BREW").unwrap()), "other");
    }

    #[rstest]
    #[case(None, true, "allowed", "ok")]
    #[case(None, false, "answered", "ok")]
    #[case(Some(Reason::Expired), false, "refused", "expired")]
    #[case(Some(Reason::JwksUnavailable), false, "failed", "jwks_unavailable")]
    #[case(Some(Reason::UpstreamTimeout), true, "failed", "upstream_timeout")]
    fn an_end_has_an_outcome_and_a_reason(
        #[case] reason: Option<Reason>,
        #[case] authenticated: bool,
        #[case] outcome: &str,
        #[case] code: &str,
    ) {
        let denial = reason.map(Denial::new);
        assert_eq!(verdict(denial.as_ref(), authenticated), (outcome, code));
    }
}
