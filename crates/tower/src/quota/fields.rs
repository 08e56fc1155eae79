//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11).
//!
//! Both are lists of strings with parameters (RFC 9651 §3.1). What we write of that is a name of small letters,
//! digits and hyphens between quotes, and whole numbers: [`super::Limit::new`] sees to the one, the types to the
//! other, so there is nothing to escape.

use std::{fmt::Write, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Counted, CountedLimit};

/// The quotas that are granted: `"per-user";q=60;w=60`.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of them: `"per-user";r=12;t=12`.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Adds what a client can pace itself by. Fields of the same names that are there stay: both are lists, and
/// an intermediary takes nothing away from them (§7.2).
pub(super) fn tell(counted: &Counted, headers: &mut HeaderMap) {
    let limits = counted.limits();
    add(headers, RATE_LIMIT_POLICY, limits.iter().map(policy));
    let refused = counted.refused_by().zip(counted.wait());
    let standings = limits.iter().map(|limit| match refused {
        None => standing(limit, Some(window(limit))),
        Some((over, wait)) if over == limit => standing(limit, Some(wait)),
        // A window that ended later than `Retry-After` would contradict it (§6).
        Some(_) => standing(limit, None),
    });
    add(headers, RATE_LIMIT, standings);
}

fn add(headers: &mut HeaderMap, name: HeaderName, members: impl Iterator<Item = String>) {
    let members = members.collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::from_str(&members) {
        headers.append(name, value);
    }
}

/// The rate as it is configured, and the burst beside it where it is another number.
fn policy(limit: &CountedLimit) -> String {
    let (events, burst) = (limit.quota.events(), limit.quota.burst());
    let window = whole_seconds(limit.quota.period());
    let mut member = format!("\"{}\";q={events};w={window}", limit.name);
    if burst != events {
        // Writing to a string does not fail.
        let _ = write!(member, ";oauthgate-burst={burst}");
    }
    member
}

fn standing(limit: &CountedLimit, window: Option<Duration>) -> String {
    let mut member = format!("\"{}\";r={}", limit.name, limit.standing.remaining);
    if let Some(window) = window {
        let _ = write!(member, ";t={}", whole_seconds(window));
    }
    member
}

/// The time in which the rate grants as much as is left: whoever spreads what is left over it keeps the rate,
/// and is never refused. A shorter one would tell clients that they may go faster than that (§8.5).
fn window(limit: &CountedLimit) -> Duration {
    let next = limit.quota.period() / limit.quota.events().get();
    next.saturating_mul(limit.standing.remaining.max(1))
}

/// Rounded up, and never 0.
fn whole_seconds(time: Duration) -> u64 {
    let begun = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(begun).max(1)
}
