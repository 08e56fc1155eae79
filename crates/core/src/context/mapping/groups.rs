//! Groups and roles, of the places that the profile names and of no other.

use std::collections::HashSet;

use serde_json::Value;

use super::says_true;
use crate::{
    Profile, TokenError,
    claims::{ClaimPointer, Claims, malformed, text, texts},
    context::GroupForm,
};

/// Those of all places together, each once, in the order of the token.
pub(super) fn groups(claims: &Claims, profile: &Profile) -> Result<Vec<String>, TokenError> {
    let (mut groups, mut known) = (Vec::new(), HashSet::new());
    for place in &profile.groups {
        let Some(value) = claims.find(place) else {
            continue;
        };
        for group in groups_of(value, place, profile.group_form)? {
            if known.insert(group) {
                groups.push(checked(group, place)?.to_owned());
            }
        }
    }
    Ok(groups)
}

fn groups_of<'claims>(
    value: &'claims Value,
    place: &ClaimPointer,
    form: GroupForm,
) -> Result<Vec<&'claims str>, TokenError> {
    match (form, value) {
        (GroupForm::Values, _) | (GroupForm::Array, Value::Array(_)) => texts(value, place),
        (GroupForm::Value, _) => Ok(vec![text(value, place)?]),
        (GroupForm::List, _) => {
            let groups = text(value, place)?.split(' ');
            Ok(groups.filter(|group| !group.is_empty()).collect())
        }
        (GroupForm::MemberNames, Value::Object(members)) => {
            Ok(members.keys().map(String::as_str).collect())
        }
        (GroupForm::Array, _) => Err(malformed(format!("`{place}` is no array"))),
        (GroupForm::MemberNames, _) => Err(malformed(format!("`{place}` is no object"))),
    }
}

fn checked<'claims>(group: &'claims str, place: &ClaimPointer) -> Result<&'claims str, TokenError> {
    if group.is_empty() || group.chars().any(char::is_control) {
        return Err(malformed(format!(
            "`{place}` holds an empty name or a control character"
        )));
    }
    Ok(group)
}

/// Whether the issuer says that it left groups out, because there were too many for a token (rule R30):
/// it points to them (OpenID Connect Core §5.6.2, `_claim_names`), or says `hasgroups`.
pub(super) fn are_truncated(claims: &Claims, profile: &Profile) -> bool {
    let elsewhere = |name: &str| {
        let names = claims.get("_claim_names").and_then(Value::as_object);
        names.is_some_and(|names| names.contains_key(name))
    };
    elsewhere("groups")
        || profile.groups.iter().any(|place| elsewhere(place.top()))
        || claims.get("hasgroups").is_some_and(says_true)
}
