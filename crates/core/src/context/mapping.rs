//! Claims → [`UserContext`]. Values that name somebody are refused when no two readers could be trusted
//! to read them alike; values that only decorate are left out then. Whether a name fits an HTTP header
//! is the business of whoever writes one.

use serde_json::{Map, Value};

use super::{GroupForm, MachineSign, PrincipalKind, Profile, ScopePlaces, UserContext};
use crate::{
    Issuer, Reason, Scope, ScopeSet, TokenError, UnixTime,
    claims::{ClaimPointer, Claims, malformed, text, texts},
    text::Printable,
};

/// How long a user id, a tenant, a client id or a tier may be, in bytes.
const LONGEST_NAME: usize = 1_024;

/// The tier of a caller whose token names none.
const DEFAULT_TIER: &str = "free";

/// Who is calling. The claims were checked; what is refused here is an identity that cannot be used.
pub(crate) fn user_context(
    claims: &Claims,
    profile: &Profile,
    issuer: Issuer,
    expires_at: UnixTime,
) -> Result<UserContext, TokenError> {
    let client_id = name(claims, &profile.client)?;
    let (user_id, kind) = principal(claims, profile, client_id)?;
    Ok(UserContext {
        user_id: user_id.to_owned(),
        kind,
        issuer,
        client_id: client_id.map(str::to_owned),
        email: email(claims, &profile.email),
        email_verified: email_is_verified(claims),
        tier: tier(claims, profile)?.to_owned(),
        tenant_id: name(claims, &profile.tenant)?.map(str::to_owned),
        groups: groups(claims, profile)?,
        scopes: scopes(claims, profile)?,
        token_expires_at: expires_at,
        metadata: metadata(claims),
    })
}

/// The client that asked for the token.
pub(crate) fn client_id<'claims>(
    claims: &'claims Claims,
    profile: &'claims Profile,
) -> Result<Option<&'claims str>, TokenError> {
    name(claims, &profile.client)
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

/// A token is a program's if a sign of the profile says so, if it names no user, or if the user is the
/// client itself (rule R27); the two kinds of id must never be taken for each other (RFC 9700 §4.15).
fn principal<'claims>(
    claims: &'claims Claims,
    profile: &'claims Profile,
    client_id: Option<&'claims str>,
) -> Result<(&'claims str, PrincipalKind), TokenError> {
    claims.text("sub")?;
    let user_id = name(claims, &profile.user)?;
    match (user_id, client_id) {
        (Some(user), Some(client)) if user == client => Ok((client, PrincipalKind::Service)),
        (Some(user), client)
            if profile
                .machine_signs
                .iter()
                .any(|sign| is_shown(sign, claims, client)) =>
        {
            Ok((client.unwrap_or(user), PrincipalKind::Service))
        }
        (Some(user), _) => Ok((user, PrincipalKind::User)),
        (None, Some(client)) => Ok((client, PrincipalKind::Service)),
        (None, None) => Err(TokenError::new(
            Reason::MissingSubject,
            "the token names no subject and no client",
        )),
    }
}

fn is_shown(sign: &MachineSign, claims: &Claims, client_id: Option<&str>) -> bool {
    let text = |place: &ClaimPointer| claims.find(place).and_then(Value::as_str);
    match sign {
        MachineSign::Equals(place, expected) => text(place) == Some(expected),
        MachineSign::NamesClient(place, start) => text(place)
            .and_then(|text| text.strip_prefix(start.as_str()))
            .zip(client_id)
            .is_some_and(|(named, client)| named.eq_ignore_ascii_case(client)),
        MachineSign::EndsWith(place, end) => text(place).is_some_and(|text| text.ends_with(end)),
        MachineSign::PresentWithout(present, absent) => {
            claims.find(present).is_some() && claims.find(absent).is_none()
        }
    }
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

/// The address is a label: one that is no printable text is left out, and refuses nothing.
fn email(claims: &Claims, places: &[ClaimPointer]) -> Option<String> {
    let (value, _) = claims.first(places)?;
    let fits = |address: &&str| {
        !address.is_empty()
            && address.len() <= LONGEST_NAME
            && !address.chars().any(char::is_control)
    };
    value.as_str().filter(fits).map(str::to_owned)
}

/// `true`, or the string that Cognito writes for it; 1, "TRUE" and "yes" are not.
fn email_is_verified(claims: &Claims) -> bool {
    matches!(claims.get("email_verified"), Some(Value::Bool(true)))
        || claims.get("email_verified").and_then(Value::as_str) == Some("true")
}

fn groups(claims: &Claims, profile: &Profile) -> Result<Vec<String>, TokenError> {
    let Some((value, place)) = claims.first(&profile.groups) else {
        return Ok(Vec::new());
    };
    let groups = match (profile.group_form, value) {
        (GroupForm::MemberNames, Value::Object(members)) => {
            members.keys().map(String::as_str).collect()
        }
        (GroupForm::MemberNames, _) => return Err(malformed(format!("`{place}` is no object"))),
        (GroupForm::Values, _) => texts(value, place)?,
    };
    if groups
        .iter()
        .any(|group| group.is_empty() || group.chars().any(char::is_control))
    {
        return Err(malformed(format!(
            "`{place}` holds an empty name or a control character"
        )));
    }
    Ok(groups.into_iter().map(str::to_owned).collect())
}

fn metadata(claims: &Claims) -> Map<String, Value> {
    let copy = |name: &str| {
        claims
            .get(name)
            .map(|value| (name.to_owned(), value.clone()))
    };
    ["iss", "aud", "iat"].into_iter().filter_map(copy).collect()
}
