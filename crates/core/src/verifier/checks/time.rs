//! Times (rule R23). The skew widens every window by the same amount, and the edges are exact:
//! a token is good while `now < exp + skew` (RFC 7519 §4.1.4: "on or after" is expired), and from
//! `now + skew >= nbf` on.

use super::{Proved, Subject};
use crate::{Reason, TokenError};

pub(super) fn expiration(subject: &Subject<'_>) -> Result<(), TokenError> {
    let Some(expires_at) = subject.claims.time("exp")? else {
        return without_expiration(subject.proved);
    };
    if subject.now < expires_at.saturating_add(subject.rules.skew) {
        return Ok(());
    }
    let (age, skew) = (
        subject.now.seconds_since(expires_at),
        subject.rules.skew.as_secs(),
    );
    Err(TokenError::new(
        Reason::Expired,
        format!("expired {age} s ago; {skew} s of skew are tolerated"),
    ))
}

/// A server that was asked says whether the token is good now (RFC 7662 §2.2: `exp` is optional), and is
/// asked again; a signature would be good for ever.
fn without_expiration(proved: Proved<'_>) -> Result<(), TokenError> {
    match proved {
        Proved::ByIntrospection => Ok(()),
        Proved::BySignature(_) => Err(TokenError::new(
            Reason::MissingExpiration,
            "the token has no `exp`",
        )),
    }
}

pub(super) fn not_before(subject: &Subject<'_>) -> Result<(), TokenError> {
    not_in_future(subject, "nbf", Reason::NotYetValid)
}

pub(super) fn issued_at(subject: &Subject<'_>) -> Result<(), TokenError> {
    not_in_future(subject, "iat", Reason::IssuedInFuture)
}

fn not_in_future(subject: &Subject<'_>, claim: &str, reason: Reason) -> Result<(), TokenError> {
    let Some(time) = subject.claims.time(claim)? else {
        return Ok(());
    };
    if time <= subject.now.saturating_add(subject.rules.skew) {
        return Ok(());
    }
    let (ahead, skew) = (
        time.seconds_since(subject.now),
        subject.rules.skew.as_secs(),
    );
    Err(TokenError::new(
        reason,
        format!("`{claim}` lies {ahead} s ahead; {skew} s of skew are tolerated"),
    ))
}

/// Where `iat` is missing, the life that is left must fit.
pub(super) fn lifetime(subject: &Subject<'_>) -> Result<(), TokenError> {
    let Some(longest) = subject.rules.max_lifetime else {
        return Ok(());
    };
    let claims = subject.claims;
    let start = claims.time("iat")?.unwrap_or(subject.now);
    let Some(expires_at) = claims.time("exp")? else {
        return Ok(());
    };
    if expires_at <= start.saturating_add(longest) {
        return Ok(());
    }
    let (life, longest) = (expires_at.seconds_since(start), longest.as_secs());
    Err(TokenError::new(
        Reason::LifetimeTooLong,
        format!("it lives {life} s, where {longest} s are allowed"),
    ))
}
