//! Okta custom authorization servers.

use crate::{Profile, context::profile::claims};

impl Profile {
    /// Okta. Scopes are the array `scp`; `sub` of an access token is the login, which can change, so
    /// the user's id is `uid`; the client is `cid`.
    #[must_use]
    pub fn okta() -> Self {
        Self {
            name: "okta",
            scopes: claims(&["scp", "scope"]),
            user: claims(&["uid", "sub"]),
            client: claims(&["cid"]),
            groups: claims(&["groups"]),
            ..Self::generic()
        }
    }
}
