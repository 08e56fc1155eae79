//! Claims → [`UserContext`]. Values that name somebody are refused when no two readers could be trusted
//! to read them alike; values that only decorate are left out then. Whether a name fits an HTTP header
//! is the business of whoever writes one.

mod actors;
mod groups;
mod principal;

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{Identity, Profile, ScopePlaces, UserContext};
use crate::{
    Caller, Issuer, Scope, ScopeSet, TokenError, UnixTime,
    claims::{ClaimPointer, Claims, malformed, text, texts},
    text::Printable,
};

/// How long a user id, a tenant, a client id or a tier may be, in bytes.
const LONGEST_NAME: usize = 1_024;

/// The tier of a caller whose token names none.
const DEFAULT_TIER: &str = "free";

/// Who is calling. The claims were checked; what is refused here is an identity that cannot be used.
pub(crate) fn user_context(
    claims: &Arc<Claims>,
    profile: &Profile,
    issuer: Issuer,
    expires_at: UnixTime,
    skew: Duration,
) -> Result<UserContext, TokenError> {
    let client_id = name(claims, &profile.client)?;
    let (user_id, kind) = principal::principal(claims, profile, client_id)?;
    let (email, email_verified) = email(claims, &profile.email);
    Ok(UserContext::of(Identity {
        user_id: user_id.to_owned(),
        kind,
        issuer,
        client_id: client_id.map(str::to_owned),
        email,
        email_verified,
        tier: tier(claims, profile)?.to_owned(),
        tenant_id: tenant_id(claims, profile)?.map(str::to_owned),
        groups: groups::groups(claims, profile)?,
        groups_truncated: groups::are_truncated(claims, profile),
        actors: actors::actors(claims)?,
        scopes: scopes(claims, profile)?,
        token_expires_at: expires_at,
        accepted_until: expires_at.saturating_add(skew),
        metadata: metadata(claims),
        claims: Arc::clone(claims),
    }))
}

/// What a decision would look at, were the claims true. It makes no [`UserContext`], because nobody checked them.
pub(crate) fn hypothetical(
    claims: &Claims,
    profile: &Profile,
) -> Result<Caller<'static>, TokenError> {
    let caller = Caller::hypothetical()
        .with_scopes(scopes(claims, profile)?)
        .with_roles(groups::groups(claims, profile)?)
        .in_tier(tier(claims, profile)?)
        .with_claims(claims.as_map().clone());
    let caller = match tenant_id(claims, profile)? {
        Some(tenant) => caller.in_tenant(tenant),
        None => caller,
    };
    Ok(match groups::are_truncated(claims, profile) {
        true => caller.with_more_roles_than_named(),
        false => caller,
    })
}

/// The client that asked for the token.
pub(crate) fn client_id<'claims>(
    claims: &'claims Claims,
    profile: &'claims Profile,
) -> Result<Option<&'claims str>, TokenError> {
    name(claims, &profile.client)
}

/// The tenant that the token belongs to.
pub(crate) fn tenant_id<'claims>(
    claims: &'claims Claims,
    profile: &'claims Profile,
) -> Result<Option<&'claims str>, TokenError> {
    for place in &profile.tenant {
        refuse_a_second_spelling(claims, place)?;
    }
    name(claims, &profile.tenant)
}

/// Two claims whose names differ in case only are two tenants to two readers (trap 6).
fn refuse_a_second_spelling(claims: &Claims, place: &ClaimPointer) -> Result<(), TokenError> {
    let names = claims.as_map().keys();
    let spellings = names.filter(|name| name.eq_ignore_ascii_case(place.top()));
    if spellings.count() > 1 {
        return Err(malformed(format!("`{place}` is there in two spellings")));
    }
    Ok(())
}

/// The scopes granted (rule R24).
fn scopes(claims: &Claims, profile: &Profile) -> Result<ScopeSet, TokenError> {
    let places = profile
        .scopes
        .iter()
        .filter_map(|place| Some((claims.find(place)?, place)));
    let wanted = match profile.scope_places {
        ScopePlaces::First => 1,
        ScopePlaces::All => usize::MAX,
    };
    let mut scopes = Vec::new();
    for (value, place) in places.take(wanted) {
        scopes.extend(scopes_of(value, place, profile.scope_prefix.as_deref())?);
    }
    Ok(scopes.into_iter().collect())
}

/// A string separated by spaces, or an array. A scope outside the grammar of RFC 6749 §3.3 is refused:
/// it could mean another scope to the next reader.
fn scopes_of(
    value: &Value,
    place: &ClaimPointer,
    prefix: Option<&str>,
) -> Result<Vec<Scope>, TokenError> {
    let listed = match value {
        Value::String(list) => list.split(' ').filter(|scope| !scope.is_empty()).collect(),
        _ => texts(value, place)?,
    };
    let scope = |text: &str| {
        let short = prefix
            .and_then(|prefix| text.strip_prefix(prefix))
            .unwrap_or(text);
        Scope::new(short).map_err(|_| {
            malformed(format!(
                "`{place}` holds the scope \"{}\" (RFC 6749 §3.3)",
                Printable(text)
            ))
        })
    };
    listed.into_iter().map(scope).collect()
}

/// A tier decorates: one of another type is no tier, and refuses nothing.
fn tier<'claims>(
    claims: &'claims Claims,
    profile: &'claims Profile,
) -> Result<&'claims str, TokenError> {
    match claims.first(&profile.tier) {
        Some((Value::String(tier), place)) => checked_name(tier, place),
        _ => Ok(DEFAULT_TIER),
    }
}

fn name<'claims>(
    claims: &'claims Claims,
    places: &'claims [ClaimPointer],
) -> Result<Option<&'claims str>, TokenError> {
    let name = |(value, place)| checked_name(text(value, place)?, place);
    claims.first(places).map(name).transpose()
}

/// A value that names somebody, in any script: no control character, no blank at either end.
fn checked_name<'claims>(
    name: &'claims str,
    place: &ClaimPointer,
) -> Result<&'claims str, TokenError> {
    if name.is_empty() || name.trim() != name {
        return Err(malformed(format!(
            "`{place}` is empty, or starts or ends with a blank"
        )));
    }
    if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(malformed(format!(
            "`{place}` is longer than {LONGEST_NAME} bytes or holds a control character"
        )));
    }
    Ok(name)
}

/// The address and whether the issuer verified it. The address is a label: one that is no printable
/// text is left out, and refuses nothing. `email_verified` speaks of `email`, and of no address that
/// was found elsewhere (rule R29).
fn email(claims: &Claims, places: &[ClaimPointer]) -> (Option<String>, bool) {
    let Some((value, place)) = claims.first(places) else {
        return (None, false);
    };
    let fits = |address: &&str| {
        !address.is_empty()
            && address.len() <= LONGEST_NAME
            && !address.chars().any(char::is_control)
    };
    let Some(address) = value.as_str().filter(fits) else {
        return (None, false);
    };
    let verified = claims.find(&place.sibling("email_verified"));
    let is_verified = place.ends_in("email") && verified.is_some_and(says_true);
    (Some(address.to_owned()), is_verified)
}

/// `true`, or the string that Cognito writes for it; 1, "TRUE" and "yes" are not.
fn says_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value.as_str() == Some("true")
}

fn metadata(claims: &Claims) -> Map<String, Value> {
    let copy = |name: &str| {
        claims
            .get(name)
            .map(|value| (name.to_owned(), value.clone()))
    };
    ["iss", "aud", "iat"].into_iter().filter_map(copy).collect()
}
