//! Whom the token is for (rules R18–R20; RFC 8707 for `resource`).

use super::Subject;
use crate::{
    Reason, TokenError,
    claims::texts,
    context::{ClientAudience, mapping},
    text::Printable,
};

/// One of the token's audiences must be one of ours. An empty array counts as missing.
pub(super) fn audience(subject: &Subject<'_>) -> Result<(), TokenError> {
    let place = &subject.rules.profile.audience_claim;
    let found = place.find(subject.claims.as_map());
    let audiences = found.map(|found| texts(found, place)).transpose()?;
    let Some(audiences) = audiences.filter(|audiences| !audiences.is_empty()) else {
        return without_audience(subject);
    };
    if audiences
        .iter()
        .any(|audience| subject.rules.accept_audience(audience))
        || bound_to_us(subject, &audiences)?
    {
        return Ok(());
    }
    let detail = format!("expected {}, found {}", expected(subject), list(&audiences));
    Err(TokenError::new(Reason::WrongAudience, detail))
}

/// Where the client stands in for the audience, an `aud` appears only because a resource was asked
/// for. Ours, asked for by one of our clients, is more than we demand of a token without `aud`.
fn bound_to_us(subject: &Subject<'_>, audiences: &[&str]) -> Result<bool, TokenError> {
    let rules = subject.rules;
    let Some(resource) = &rules.resource else {
        return Ok(false);
    };
    let names_us = audiences
        .iter()
        .any(|audience| resource.is_named_by(audience));
    Ok(names_us
        && rules.profile.client_audience == ClientAudience::StandsIn
        && client_is_expected(subject)?)
}

fn without_audience(subject: &Subject<'_>) -> Result<(), TokenError> {
    let rules = subject.rules;
    let stands_in = rules.profile.client_audience == ClientAudience::StandsIn;
    if stands_in && client_is_expected(subject)? {
        return Ok(());
    }
    let client = mapping::client_id(subject.claims, &rules.profile)?;
    if client.is_some_and(|client| {
        rules
            .missing_audience_clients
            .iter()
            .any(|listed| listed == client)
    }) {
        return Ok(());
    }
    let client = client.map_or_else(
        || "no client".to_owned(),
        |client| format!("the client \"{}\"", Printable(client)),
    );
    let place = rules.profile.audience_claim.to_string();
    let place = place.strip_prefix('/').unwrap_or(&place);
    let (reason, wanted) = if stands_in {
        (Reason::WrongAudience, "a client out of".to_owned())
    } else {
        (Reason::MissingAudience, format!("`{place}` with"))
    };
    Err(TokenError::new(
        reason,
        format!(
            "expected {wanted} {}, found no `{place}` and {client}",
            expected(subject)
        ),
    ))
}

fn client_is_expected(subject: &Subject<'_>) -> Result<bool, TokenError> {
    let client = mapping::client_id(subject.claims, &subject.rules.profile)?;
    Ok(client.is_some_and(|client| {
        subject
            .rules
            .audiences
            .iter()
            .any(|audience| audience.as_str() == client)
    }))
}

/// A `resource` claim, if the issuer writes one, must name this resource as a whole string.
pub(super) fn resource(subject: &Subject<'_>) -> Result<(), TokenError> {
    let Some(named) = subject.claims.texts("resource")? else {
        return Ok(());
    };
    let Some(resource) = &subject.rules.resource else {
        return Ok(());
    };
    if named.iter().any(|uri| resource.is_named_by(uri)) {
        return Ok(());
    }
    Err(TokenError::new(
        Reason::WrongResource,
        format!("expected \"{resource}\", found {}", list(&named)),
    ))
}

fn expected(subject: &Subject<'_>) -> String {
    list(
        &subject
            .rules
            .audiences
            .iter()
            .map(crate::Audience::as_str)
            .collect::<Vec<_>>(),
    )
}

/// The first few, quoted.
fn list(texts: &[&str]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<_> = texts
        .iter()
        .take(SHOWN)
        .map(|text| format!("\"{}\"", Printable(text)))
        .collect();
    if texts.len() > SHOWN {
        shown.push(format!("and {} more", texts.len().saturating_sub(SHOWN)));
    }
    if shown.is_empty() {
        "nothing".to_owned()
    } else {
        shown.join(", ")
    }
}
