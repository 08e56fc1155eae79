//! Who acts for the caller (RFC 8693 §4.1): for the audit record, never for a decision.

use super::checked_name;
use crate::{
    TokenError,
    claims::{ClaimPointer, Claims, malformed},
};

/// How many actors are told. The outermost acts now; the inner ones acted before it.
const MOST: usize = 8;

/// The ids of the actors, outermost first: `sub` of each, or its `client_id`. One that names neither is
/// left out.
pub(super) fn actors(claims: &Claims) -> Result<Vec<String>, TokenError> {
    let place = ClaimPointer::claim("act");
    let mut actors = Vec::new();
    let mut next = claims.find(&place);
    while let Some(actor) = next.filter(|actor| !actor.is_null()) {
        let Some(members) = actor.as_object() else {
            return Err(malformed("`act` holds an actor that is no object"));
        };
        if actors.len() == MOST {
            break;
        }
        let id = ["sub", "client_id"]
            .iter()
            .find_map(|name| members.get(*name)?.as_str());
        if let Some(id) = id {
            actors.push(checked_name(id, &place)?.to_owned());
        }
        next = members.get("act");
    }
    Ok(actors)
}
