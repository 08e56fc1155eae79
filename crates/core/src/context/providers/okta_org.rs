//! The organization server of Okta.

use crate::{
    Profile,
    claims::ClaimPointer,
    context::{
        AudienceKind, ClientAudience, Preset, TokenMode, preset::KnownIssuer, profile::claims,
    },
};

/// The issuer has no path. A domain of one's own tells nothing: name the preset there.
pub(super) const PRESET: Preset = Preset {
    name: "okta-org",
    title: "Okta (organization server)",
    issuers: &[
        KnownIssuer::new("https://*.okta.com"),
        KnownIssuer::new("https://*.oktapreview.com"),
        KnownIssuer::new("https://*.okta-emea.com"),
    ],
    audience: AudienceKind::Clients,
    profile: Profile::okta_org,
};

impl Profile {
    /// The tokens of an Okta organization's own server look like JWTs, and Okta says to treat them as
    /// opaque: their keys were long not published. They are asked about, whatever they look like; the
    /// answer names the client `client_id` and the scopes `scope`. Their `aud` is Okta itself, the same for
    /// all of the organization's applications, so only the client ties one to a service (rule R19). Okta answers for refresh tokens and ID tokens
    /// too, with the same `token_type`: only a user's access token has `uid`, and only a program's `sub` is its
    /// client, so whatever is neither is nobody's.
    #[must_use]
    pub fn okta_org() -> Self {
        Self {
            name: "okta-org",
            token_mode: TokenMode::Opaque,
            audience_claim: ClaimPointer::claim("client_id"),
            client_audience: ClientAudience::Expected,
            scopes: claims(&["scope", "scp"]),
            user: claims(&["uid"]),
            client: claims(&["client_id", "cid"]),
            ..Self::generic()
        }
    }
}
