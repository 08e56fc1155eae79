//! GitHub's "check a token" (`POST /applications/{client_id}/token`): not RFC 7662. It answers 404 for a
//! token that is not good, which never comes this far, and otherwise describes the grant.

use serde_json::{Map, Value, json};

use super::refused;
use crate::TokenError;

/// The answer repeats the token; nothing but these claims is kept of it.
pub(super) fn claims(answer: &Map<String, Value>) -> Result<Map<String, Value>, TokenError> {
    let client = answer
        .get("app")
        .and_then(|app| app.get("client_id"))
        .and_then(Value::as_str)
        .ok_or_else(|| refused("the answer names no app with a `client_id`"))?;
    let user = answer
        .get("user")
        .ok_or_else(|| refused("the answer names no user"))?;
    // The login can be changed, and taken by somebody else; the number cannot.
    let id = user
        .get("id")
        .and_then(Value::as_u64)
        .ok_or_else(|| refused("the answer's user has no number as `id`"))?;
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), id.to_string().into());
    claims.insert("client_id".to_owned(), client.into());
    claims.insert("aud".to_owned(), client.into());
    claims.insert("scope".to_owned(), scope(answer)?.into());
    if let Some(login) = user.get("login").and_then(Value::as_str) {
        claims.insert("preferred_username".to_owned(), login.into());
        claims.insert("user".to_owned(), json!({ "id": id, "login": login }));
    }
    for (claim, member) in [("exp", "expires_at"), ("iat", "created_at")] {
        if let Some(seconds) = moment(answer, member)? {
            claims.insert(claim.to_owned(), seconds.into());
        }
    }
    Ok(claims)
}

/// Tokens of GitHub Apps have no scopes at all.
fn scope(answer: &Map<String, Value>) -> Result<String, TokenError> {
    let wrong = || refused("the answer's `scopes` is no list of strings");
    match answer.get("scopes") {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::Array(scopes)) => {
            let texts: Option<Vec<_>> = scopes.iter().map(Value::as_str).collect();
            Ok(texts.ok_or_else(wrong)?.join(" "))
        }
        Some(_) => Err(wrong()),
    }
}

fn moment(answer: &Map<String, Value>, member: &str) -> Result<Option<i64>, TokenError> {
    match answer.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().and_then(seconds_since_1970) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(refused(format!(
                "the answer's `{member}` is no time of the form 2026-01-31T09:30:00Z"
            ))),
        },
    }
}

/// `2026-01-31T09:30:00Z` (RFC 3339 in UTC, whole seconds), and nothing else.
fn seconds_since_1970(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = fields(time, ':', [2, 2, 2])?;
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let of_day = hour
        .checked_mul(3_600)?
        .checked_add(minute.checked_mul(60)?)?
        .checked_add(second)?;
    let seconds = days_since_1970(year, month, day)?
        .checked_mul(86_400)?
        .checked_add(of_day)?;
    in_range.then_some(seconds)
}

fn fields(text: &str, between: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut values = [0; 3];
    for (value, length) in values.iter_mut().zip(lengths) {
        let part = parts.next().filter(|part| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit())
        })?;
        *value = part.parse().ok()?;
    }
    parts.next().is_none().then_some(values)
}

/// Years that begin in March put the leap day at their end, so that it needs no special case.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    /// From 0000-03-01 to 1970-01-01.
    const BEFORE: i64 = 719_468;
    let before_march = i64::from(month <= 2);
    let year = year.checked_sub(before_march)?;
    let month = month.checked_sub(3)?.rem_euclid(12);
    let of_year = month
        .checked_mul(153)?
        .checked_add(2)?
        .checked_div(5)?
        .checked_add(day.checked_sub(1)?)?;
    let leap_days = year
        .div_euclid(4)
        .checked_sub(year.div_euclid(100))?
        .checked_add(year.div_euclid(400))?;
    year.checked_mul(365)?
        .checked_add(leap_days)?
        .checked_add(of_year)?
        .checked_sub(BEFORE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_times_that_github_writes() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-01-31T09:30:00Z", 1_769_851_800),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(seconds_since_1970(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn takes_no_other_spelling_of_a_time() {
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T09:30:00",
            "2026-01-31T09:30:00+02:00",
            "2026-01-31t09:30:00z",
            "2026-1-31T09:30:00Z",
            "2026-13-31T09:30:00Z",
            "2026-00-31T09:30:00Z",
            "2026-01-32T09:30:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T09:60:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-31T09:30:00:00Z",
            "+026-01-31T09:30:00Z",
        ] {
            assert_eq!(seconds_since_1970(text), None, "{text}");
        }
    }
}
