//! Clerk.

use super::signs::starts_with;
use crate::{
    Profile,
    context::{
        AudienceKind, ClientAudience, Preset, TokenTypes, preset::KnownIssuer, profile::claims,
    },
};

/// A production instance has a domain of one's own (`https://clerk.…`): name the preset there.
pub(super) const PRESET: Preset = Preset {
    name: "clerk",
    title: "Clerk",
    issuers: &[KnownIssuer::new("https://*.clerk.accounts.dev")],
    audience: AudienceKind::Clients,
    profile: Profile::clerk,
};

impl Profile {
    /// Clerk writes `typ` = `at+jwt` for OAuth access tokens and `JWT` for session tokens, which are not
    /// for APIs of others. There is no `aud`, so the client stands in for it. Scopes are `scope`, `scp` or
    /// `scopes`. Ids of machines start with `mch_`.
    #[must_use]
    pub fn clerk() -> Self {
        Self {
            name: "clerk",
            token_types: TokenTypes::access_token_only(),
            client_audience: ClientAudience::StandsIn,
            client: claims(&["client_id"]),
            tenant: claims(&["org_id"]),
            machine_signs: vec![starts_with("sub", "mch_")],
            opaque_prefixes: vec!["oat_".to_owned(), "mt_".to_owned()],
            ..Self::generic()
        }
    }
}
