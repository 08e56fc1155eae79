//! The checks, in order. Each is one small function with a stable name; [`Verifier::validate`] stops
//! at the first that fails, [`Verifier::explain`] runs all of them, so the two can never disagree.
//!
//! [`Verifier::validate`]: super::Verifier::validate
//! [`Verifier::explain`]: super::Verifier::explain

mod audience;
mod kind;
mod tenant;
mod time;

use super::rules::Rules;
use crate::{
    Reason, TokenError, UnixTime, claims::Claims, context::mapping, text::Printable, token::signs,
};

/// What one named check found; `explain` shows all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOutcome {
    /// The check's stable name.
    pub name: &'static str,
    /// Passed, or why not.
    pub result: Result<(), TokenError>,
}

/// What a check looks at.
pub(super) struct Subject<'token> {
    pub(super) claims: &'token Claims,
    pub(super) proved: Proved<'token>,
    pub(super) rules: &'token Rules,
    pub(super) now: UnixTime,
}

/// Where it was proved that the issuer says this.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proved<'token> {
    /// By a signature, over a header with this `typ`.
    BySignature(Option<&'token str>),
    /// By the authorization server's own answer about the token (RFC 7662).
    ByIntrospection,
}

/// One named check.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) run: fn(&Subject<'_>) -> Result<(), TokenError>,
}

/// Kind and issuer first: they tell the operator most. Time before audience: an expired token is
/// expired whomever it was for. The tenant comes last, because it alone answers 403: everything that
/// is wrong with the token answers 401. Scopes are the requirement's business.
pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "type",
        run: kind::token_type,
    },
    Check {
        name: "issuer",
        run: issuer,
    },
    Check {
        name: "token_use",
        run: kind::required_claims,
    },
    Check {
        name: "expiration",
        run: time::expiration,
    },
    Check {
        name: "not_before",
        run: time::not_before,
    },
    Check {
        name: "issued_at",
        run: time::issued_at,
    },
    Check {
        name: "lifetime",
        run: time::lifetime,
    },
    Check {
        name: "audience",
        run: audience::audience,
    },
    Check {
        name: "resource",
        run: audience::resource,
    },
    Check {
        name: "id_token",
        run: kind::id_token,
    },
    Check {
        name: "client",
        run: client,
    },
    Check {
        name: "sender_proof",
        run: sender_proof,
    },
    Check {
        name: "tenant",
        run: tenant::tenant,
    },
];

/// RFC 7519 §4.1.1: the same bytes. The verifier was chosen by them; this holds when it was not.
fn issuer(subject: &Subject<'_>) -> Result<(), TokenError> {
    check_issuer(subject.rules, subject.claims)
}

pub(super) fn check_issuer(rules: &Rules, claims: &Claims) -> Result<(), TokenError> {
    if rules.issuer.admits(claims) {
        return Ok(());
    }
    let found = claims.text("iss")?;
    let configured = [rules.issuer.configured().as_str()];
    let advice = found.and_then(|found| signs::of_issuer(found, &configured));
    Err(TokenError::new(Reason::UnknownIssuer, issuer_detail(rules, found)).with_advice(advice))
}

fn issuer_detail(rules: &Rules, found: Option<&str>) -> String {
    match found {
        Some(found) => format!(
            "expected \"{}\", found \"{}\"",
            rules.issuer,
            Printable(found)
        ),
        None => format!("expected \"{}\", and the token has no `iss`", rules.issuer),
    }
}

/// Rule R19: a list of clients, if there is one, is complete.
fn client(subject: &Subject<'_>) -> Result<(), TokenError> {
    let client = mapping::client_id(subject.claims, &subject.rules.profile)?;
    let Some(allowed) = &subject.rules.allowed_clients else {
        return Ok(());
    };
    match client {
        Some(client) if allowed.iter().any(|allowed| allowed == client) => Ok(()),
        Some(client) => Err(TokenError::new(
            Reason::ClientNotAllowed,
            format!("the client is \"{}\"", Printable(client)),
        )),
        None => Err(TokenError::new(
            Reason::ClientNotAllowed,
            "the token names no client",
        )),
    }
}

/// Rule R33: a token bound to a key (RFC 7800) is worth nothing to whoever stole it, unless we take it
/// as a plain bearer token. No proof can be checked yet, so a bound token is refused.
fn sender_proof(subject: &Subject<'_>) -> Result<(), TokenError> {
    if subject.claims.get("cnf").is_some() {
        return Err(TokenError::new(
            Reason::SenderProofMissing,
            "the token carries `cnf`, and the request proves no key",
        ));
    }
    // An answer may call a token bound without saying to which key.
    match (subject.proved, kind::introspected_type(subject)?) {
        (Proved::ByIntrospection, Some(kind)) if kind.eq_ignore_ascii_case("DPoP") => {
            Err(TokenError::new(
                Reason::SenderProofMissing,
                "the answer's `token_type` is \"DPoP\", and the request proves no key",
            ))
        }
        _ => Ok(()),
    }
}
