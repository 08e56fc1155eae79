//! A person or a program (rule R27). The two kinds of id must never be taken for each other
//! (RFC 9700 §4.15), and what cannot be told is a program: it has no rights of a person.

use std::borrow::Cow;

use serde_json::Value;

use super::name;
use crate::{
    PrincipalKind, Profile, Reason, TokenError,
    claims::{ClaimPointer, Claims, malformed},
    context::MachineSign,
};

/// A token is a program's if it names nobody, if the user is the client itself, or if a sign of the
/// profile says so. One that names somebody without the id that is wanted is nobody's.
pub(super) fn principal<'claims>(
    claims: &'claims Claims,
    profile: &'claims Profile,
    client_id: Option<&'claims str>,
) -> Result<(&'claims str, PrincipalKind), TokenError> {
    let subject = claims.text("sub")?;
    let user = name(claims, &profile.user)?;
    let names_client = [user, subject]
        .into_iter()
        .flatten()
        .any(|subject| is_client(subject, claims, profile));
    let is_program = names_client || shows_a_sign(claims, profile, client_id)?;
    match (user, subject) {
        (Some(user), _) if is_program => Ok((client_id.unwrap_or(user), PrincipalKind::Service)),
        (Some(user), _) => Ok((user, PrincipalKind::User)),
        (None, subject) if !is_program && (subject.is_some() || has_login(claims, profile)) => {
            Err(nameless(profile))
        }
        (None, _) => client_id
            .map(|client| (client, PrincipalKind::Service))
            .ok_or_else(nobody),
    }
}

/// The login of somebody who authorized the token (RFC 7662 §2.2), and who is not the client itself.
fn has_login(claims: &Claims, profile: &Profile) -> bool {
    let login = claims.find(&ClaimPointer::claim("username"));
    login.is_some_and(|login| {
        login
            .as_str()
            .is_none_or(|login| !is_client(login, claims, profile))
    })
}

/// Perhaps a person, who would be given what the client may.
fn nameless(profile: &Profile) -> TokenError {
    let places: Vec<_> = profile.user.iter().map(ToString::to_string).collect();
    TokenError::new(
        Reason::MissingSubject,
        format!(
            "the token is somebody's whose id is in none of {}, and nothing shows that it is a program's",
            places.join(", ")
        ),
    )
}

fn nobody() -> TokenError {
    TokenError::new(
        Reason::MissingSubject,
        "the token names no subject and no client",
    )
}

/// In whichever of its places the token names a client: two of them may differ.
fn is_client(subject: &str, claims: &Claims, profile: &Profile) -> bool {
    let clients = profile.client.iter().filter_map(|place| claims.find(place));
    clients
        .filter_map(Value::as_str)
        .any(|client| client == subject)
}

fn shows_a_sign(
    claims: &Claims,
    profile: &Profile,
    client_id: Option<&str>,
) -> Result<bool, TokenError> {
    for sign in &profile.machine_signs {
        if is_shown(sign, claims, client_id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_shown(
    sign: &MachineSign,
    claims: &Claims,
    client_id: Option<&str>,
) -> Result<bool, TokenError> {
    let some_value = |place: &ClaimPointer, fits: &dyn Fn(&str) -> bool| {
        values(claims, place).map(|values| values.iter().any(|value| fits(value)))
    };
    match sign {
        MachineSign::Present(place) => Ok(claims.find(place).is_some()),
        MachineSign::Absent(place) => Ok(says_nothing(claims, place)),
        MachineSign::PresentWithout(present, absent) => {
            Ok(claims.find(present).is_some() && says_nothing(claims, absent))
        }
        MachineSign::Equals(place, expected) => some_value(place, &|value| value == expected),
        MachineSign::StartsWith(place, start) => {
            some_value(place, &|value| value.starts_with(start.as_str()))
        }
        MachineSign::EndsWith(place, end) => {
            some_value(place, &|value| value.ends_with(end.as_str()))
        }
        MachineSign::NamesClient(place, start, end) => some_value(place, &|value| {
            value
                .strip_prefix(start.as_str())
                .and_then(|rest| rest.strip_suffix(end.as_str()))
                .zip(client_id)
                .is_some_and(|(named, client)| named.eq_ignore_ascii_case(client))
        }),
        MachineSign::SameAs(place, other) => {
            let others = values(claims, other)?;
            some_value(place, &|value| others.iter().any(|other| other == value))
        }
        MachineSign::DiffersFrom(place, other) => {
            let (found, others) = (values(claims, place)?, values(claims, other)?);
            Ok(!found.is_empty() && !found.iter().any(|value| others.contains(value)))
        }
        MachineSign::All(signs) => signs.iter().try_fold(true, |all, sign| {
            Ok(is_shown(sign, claims, client_id)? && all)
        }),
    }
}

/// Empty text and empty lists grant nothing, and tell nothing.
fn says_nothing(claims: &Claims, place: &ClaimPointer) -> bool {
    claims.find(place).is_none_or(|value| match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    })
}

/// The values of a claim that tells programs from people. One that cannot be read is refused: whoever
/// wrote it meant something by it.
fn values<'claims>(
    claims: &'claims Claims,
    place: &ClaimPointer,
) -> Result<Vec<Cow<'claims, str>>, TokenError> {
    let value = |value: &'claims Value| match value {
        Value::String(text) => Ok(Cow::Borrowed(text.as_str())),
        Value::Bool(_) | Value::Number(_) => Ok(Cow::Owned(value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(malformed(format!("`{place}` holds no plain value")))
        }
    };
    match claims.find(place) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(value).collect(),
        Some(one) => Ok(vec![value(one)?]),
    }
}
