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
    digits::Address,
    metrics::SharedMetrics,
    requests::{Outcome, ResourceMetrics},
    sample::Share,
    slow_peers::SlowPeers,
};

/// A request on its way. Rides in the request's extensions, so that authentication can say when it was
/// done and whom it found. Clones are of the same request.
#[derive(Debug, Clone)]
pub struct Passage(Arc<OnItsWay>);

#[derive(Debug)]
struct OnItsWay {
    method: Method,
    client: Address,
    reference: Reference,
    started: Instant,
    metrics: SharedMetrics,
    found: OnceLock<Found>,
}

/// Whom authentication found, and when.
#[derive(Debug)]
struct Found {
    /// Nobody in particular, where that is an option.
    user: Option<UserContext>,
    after: Duration,
}

/// What lines call somebody, worked out once for each token.
#[derive(Debug)]
struct Caller {
    fingerprint: String,
    /// Who acts for the caller (RFC 8693 §4.1), if anybody does.
    actors: Option<String>,
}

impl Passage {
    /// A request that just came in.
    pub(crate) fn begin(
        method: &Method,
        client: IpAddr,
        reference: Reference,
        metrics: SharedMetrics,
    ) -> Self {
        Self(Arc::new(OnItsWay {
            method: method.clone(),
            client: Address(client),
            reference,
            started: Instant::now(),
            metrics,
            found: OnceLock::new(),
        }))
    }

    /// Where peers are counted that are not waited for any longer.
    pub(crate) fn slow_peers(&self) -> SlowPeers {
        self.0.metrics.slow_peers.clone()
    }

    /// The token was good, and this is its owner.
    pub(crate) fn authenticated(&self, user: &UserContext) {
        self.found(Some(user.clone()));
    }

    /// The request offers no credentials and may go on without.
    pub(crate) fn anonymous(&self) {
        self.found(None);
    }

    fn found(&self, user: Option<UserContext>) {
        let after = self.0.started.elapsed();
        // Only the first word counts: a request is authenticated once.
        let _ = self.0.found.set(Found { user, after });
    }

    /// The head of the response is there: counts the request for its resource, and writes the line.
    pub(crate) fn end<B>(&self, resource: Option<&ResourceMetrics>, response: &Response<B>) {
        let now = Instant::now();
        let extensions = response.extensions();
        let end = End {
            request: &self.0,
            caller: self.0.found.get().and_then(|found| found.user.as_ref()),
            status: response.status().as_u16(),
            denial: extensions.get(),
            decided: extensions.get(),
            counted: extensions.get(),
            after: now.saturating_duration_since(self.0.started),
        };
        if let Some(resource) = resource {
            end.measure(resource);
        }
        let resource = resource.unwrap_or(&self.0.metrics.elsewhere);
        end.watch_step_up(resource.resource(), extensions.get(), now);
        end.count(resource);
        match end.share(resource) {
            Share::Own => end.tell(resource.resource(), None),
            Share::Of(requests) => end.tell(resource.resource(), Some(requests)),
            Share::None => {}
        }
    }
}

/// What is known when the head of the response is there.
struct End<'a> {
    request: &'a OnItsWay,
    caller: Option<&'a UserContext>,
    status: u16,
    denial: Option<&'a Denial>,
    decided: Option<&'a Decided>,
    counted: Option<&'a Counted>,
    after: Duration,
}

impl End<'_> {
    /// A good token took until its owner was found; a bad one until the answer.
    fn measure(&self, resource: &ResourceMetrics) {
        match (self.request.found.get(), self.denial) {
            (
                Some(Found {
                    user: Some(_),
                    after,
                }),
                _,
            ) => {
                resource.verification_took(*after);
                resource.upstream_took(self.after.saturating_sub(*after));
            }
            (Some(Found { user: None, after }), None) => {
                resource.upstream_took(self.after.saturating_sub(*after));
            }
            (_, Some(denial)) if denial.reason().blame() == Blame::Token => {
                resource.verification_took(self.after);
            }
            _ => {}
        }
    }

    /// Tells those who watch for login loops about a refusal for scope, or that a caller passed who may have
    /// been refused before.
    fn watch_step_up(&self, resource: &str, refused: Option<&UserContext>, now: Instant) {
        let rules = self.decided.map_or(&[][..], Decided::rules);
        let place = (resource, rules);
        let watch = &self.request.metrics.step_up;
        let reference = &self.request.reference;
        match (self.denial, refused, self.caller) {
            (Some(denial), Some(user), _) => watch.refused(user, place, denial, reference, now),
            (None, _, Some(user)) => watch.allowed(user, place, reference, now),
            _ => {}
        }
    }

    fn count(&self, resource: &ResourceMetrics) {
        resource.count(self.outcome());
        if let Some(decided) = self.decided {
            resource.count_decision(decided, self.denial);
        }
        if let Some(counted) = self.counted {
            resource.count_limits(counted);
        }
    }

    fn outcome(&self) -> Outcome {
        Outcome::of(self.denial, self.caller.is_some() || self.is_anonymous())
    }

    fn is_anonymous(&self) -> bool {
        self.decided.is_some_and(Decided::is_anonymous)
    }

    /// Only what passed and ended well may go without a line.
    fn share(&self, resource: &ResourceMetrics) -> Share {
        let ended_well = self.status < 500;
        match self.outcome() {
            Outcome::Allowed if ended_well => resource.sample.next(),
            _ => Share::Own,
        }
    }

    fn tell(&self, resource: &str, sample: Option<u32>) {
        let outcome = self.outcome();
        let caller = self.caller.map(Caller::of);
        let over = self.counted.and_then(Counted::refused_by);
        tracing::info!(
            target: "oauthgate::access",
            method = method(&self.request.method),
            resource,
            status = self.status,
            outcome = outcome.name(),
            reason = outcome.reason(),
            detail = self.denial.and_then(Denial::detail).map(escaped),
            reference = %self.request.reference,
            caller = caller.map(|caller| caller.fingerprint.as_str()),
            actors = caller.and_then(|caller| caller.actors.as_deref()),
            anonymous = self.is_anonymous().then_some(true),
            rule = self.decided.and_then(|decided| rules_if_any(decided.rules())),
            mcp_method = self.decided.and_then(|decided| listed_if_any(decided.methods())),
            mcp_name = self.decided.and_then(|decided| listed_if_any(decided.objects())),
            limit = over.map(|limit| &*limit.name),
            limit_by = over.map(|limit| limit.by.iter().map(|by| by.as_str()).collect::<Vec<_>>().join(" ")),
            retry_after_s = self.counted.and_then(Counted::wait).map(whole_seconds),
            client = %self.request.client,
            duration_ms = milliseconds(self.after),
            sample,
        );
    }
}

impl Caller {
    fn of(user: &UserContext) -> &Self {
        user.kept(|user| Self {
            fingerprint: worked_out(user),
            actors: listed_if_any(user.actors()),
        })
    }
}

/// The same caller has the same fingerprint; nobody can read a subject out of it at a glance.
pub(super) fn fingerprint(user: &UserContext) -> &str {
    &Caller::of(user).fingerprint
}

fn worked_out(user: &UserContext) -> String {
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
}
