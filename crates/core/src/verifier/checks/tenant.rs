//! Whose token it is (rule R28). The token is good, and its tenant is not served here: 403, not 401.

use super::Subject;
use crate::{Reason, TokenError, context::mapping, text::Printable};

pub(super) fn tenant(subject: &Subject<'_>) -> Result<(), TokenError> {
    let Some(allowed) = &subject.rules.allowed_tenants else {
        return Ok(());
    };
    let detail = match mapping::tenant_id(subject.claims, &subject.rules.profile)? {
        Some(tenant) if allowed.iter().any(|allowed| allowed == tenant) => return Ok(()),
        Some(tenant) => format!("the tenant is \"{}\"", Printable(tenant)),
        None => "the token names no tenant".to_owned(),
    };
    Err(TokenError::new(Reason::WrongTenant, detail))
}
