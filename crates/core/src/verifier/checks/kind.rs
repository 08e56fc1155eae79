//! What kind of token this is (RFC 8725 §3.11, §3.12).

use super::{Proved, Subject};
use crate::{
    Reason, TokenError,
    claims::{ClaimPointer, text},
    context::{ClientAudience, RequiredClaim, mapping},
    text::Printable,
};

/// Rule R15.
pub(super) fn token_type(subject: &Subject<'_>) -> Result<(), TokenError> {
    let found = match subject.proved {
        Proved::BySignature(found) => found,
        Proved::ByIntrospection => return type_of_answer(subject),
    };
    if subject.rules.profile.token_types.allow(found) {
        return Ok(());
    }
    let found = found.map_or_else(
        || "absent".to_owned(),
        |found| format!("\"{}\"", Printable(found)),
    );
    Err(TokenError::new(
        Reason::WrongType,
        format!("`typ` is {found}, which names no access token"),
    ))
}

/// The `token_type` of an answer (RFC 7662 §2.2, RFC 6749 §5.1). Some servers vouch for refresh tokens too,
/// and mark them here or in `token_use`.
fn type_of_answer(subject: &Subject<'_>) -> Result<(), TokenError> {
    let wrong = |member: &str, found: &str| {
        let detail = format!(
            "the answer's `{member}` is \"{}\", which names no access token",
            Printable(found)
        );
        Err(TokenError::new(Reason::WrongType, detail))
    };
    let is_one_of =
        |found: &str, names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(found));
    match introspected_type(subject)? {
        Some(found) if !is_one_of(found, &["Bearer", "DPoP"]) => return wrong("token_type", found),
        _ => {}
    }
    match subject.claims.text("token_use")? {
        Some(found) if !is_one_of(found, &["access", "access_token"]) => wrong("token_use", found),
        _ => Ok(()),
    }
}

pub(super) fn introspected_type<'token>(
    subject: &Subject<'token>,
) -> Result<Option<&'token str>, TokenError> {
    match subject.proved {
        Proved::BySignature(_) => Ok(None),
        Proved::ByIntrospection => subject.claims.text("token_type"),
    }
}

/// Rule R16.
pub(super) fn required_claims(subject: &Subject<'_>) -> Result<(), TokenError> {
    let profile = &subject.rules.profile;
    profile
        .required_claims
        .iter()
        .try_for_each(|required| required_claim(subject, required))?;
    let groups = &profile.one_required;
    groups
        .iter()
        .try_for_each(|places| one_claim_of(subject, places))
}

fn one_claim_of(subject: &Subject<'_>, places: &[ClaimPointer]) -> Result<(), TokenError> {
    if subject.claims.first(places).is_some() {
        return Ok(());
    }
    let places: Vec<_> = places.iter().map(ToString::to_string).collect();
    Err(TokenError::new(
        Reason::WrongTokenUse,
        format!("the token carries none of {}", places.join(", ")),
    ))
}

fn required_claim(subject: &Subject<'_>, required: &RequiredClaim) -> Result<(), TokenError> {
    let claim = &required.claim;
    let Some(value) = claim.find(subject.claims.as_map()) else {
        return Err(TokenError::new(
            Reason::WrongTokenUse,
            format!(
                "`{claim}` is missing; expected {}",
                required.values.join(" or ")
            ),
        ));
    };
    let found = text(value, claim)?;
    if required.values.iter().any(|value| value == found) {
        return Ok(());
    }
    let detail = format!(
        "`{claim}` is \"{}\"; expected {}",
        Printable(found),
        required.values.join(" or ")
    );
    Err(TokenError::new(Reason::WrongTokenUse, detail))
}

/// Rule R17. An ID token tells a client who logged in; it is no key to anything. Its audience is its own
/// client and it has no scope; where it does not name its client, its hashes and nonce give it away.
pub(super) fn id_token(subject: &Subject<'_>) -> Result<(), TokenError> {
    let (claims, profile) = (subject.claims, &subject.rules.profile);
    if profile.client_audience != ClientAudience::Unexpected
        || claims.first(&profile.scopes).is_some()
    {
        return Ok(());
    }
    let client = mapping::client_id(claims, profile)?;
    let audiences = claims.texts("aud")?.unwrap_or_default();
    if client
        .is_some_and(|client| audiences.contains(&client) && subject.rules.accept_audience(client))
    {
        return Err(TokenError::new(
            Reason::IdToken,
            "its audience is its own client, and it carries no scope",
        ));
    }
    match ["nonce", "at_hash", "c_hash", "s_hash"]
        .iter()
        .find(|name| claims.get(name).is_some())
    {
        Some(name) => Err(TokenError::new(
            Reason::IdToken,
            format!("it carries `{name}` and no scope"),
        )),
        None => Ok(()),
    }
}
