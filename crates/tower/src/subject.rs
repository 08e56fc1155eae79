//! Who a subject is, wherever callers are told apart.

use oauthgate_core::{PrincipalKind, UserContext};
use oauthgate_remote::state::quotas::QuotaKey;

/// What tells a user or a service from all others, in parts: an issuer's names mean nothing at another, nor
/// a tenant's; no tenant is not the same as one without a name; and a program whose client id happens to be
/// somebody's user id is somebody else.
pub(crate) fn parts(user: &UserContext) -> [&str; 5] {
    let kind = match user.kind() {
        PrincipalKind::Service => "service",
        _ => "user",
    };
    let tenant = user.tenant_id();
    [
        kind,
        user.issuer().as_str(),
        tenant.map_or("", |_| "tenant"),
        tenant.unwrap_or_default(),
        user.user_id(),
    ]
}

/// The same in so few bytes that long names take no memory and nothing is readable; worked out once for each token.
pub(crate) fn key(user: &UserContext) -> QuotaKey {
    user.kept(|user| Subject(QuotaKey::of(&parts(user)))).0
}

/// A key among what is kept with a context, told by its type from all others there.
struct Subject(QuotaKey);
