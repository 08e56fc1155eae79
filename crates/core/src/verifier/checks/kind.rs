//! What kind of token this is (RFC 8725 §3.11, §3.12).

use super::Subject;
use crate::{
    Reason, TokenError,
    claims::{ClaimPointer, text},
    context::{ClientAudience, RequiredClaim, mapping},
    text::Printable,
};

/// Rule R15.
pub(super) fn token_type(subject: &Subject<'_>) -> Result<(), TokenError> {
    let found = subject.token.token_type();
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

/// Rule R16.
pub(super) fn required_claims(subject: &Subject<'_>) -> Result<(), TokenError> {
    let profile = &subject.rules.profile;
    profile
        .required_claims
        .iter()
        .try_for_each(|required| required_claim(subject, required))?;
    one_claim_of(subject, &profile.one_required)
}

fn one_claim_of(subject: &Subject<'_>, places: &[ClaimPointer]) -> Result<(), TokenError> {
    if places.is_empty() || subject.token.claims().first(places).is_some() {
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
    let Some(value) = claim.find(subject.token.claims().as_map()) else {
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
    let (claims, profile) = (subject.token.claims(), &subject.rules.profile);
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
