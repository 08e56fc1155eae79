//! Google.

use super::signs::ends_with;
use crate::{
    Profile,
    context::{
        AudienceKind, ClientAudience, IntrospectionForm, Preset, TokenMode, preset::KnownIssuer,
        profile::claims,
    },
};

pub(super) const PRESET: Preset = Preset {
    name: "google",
    title: "Google",
    issuers: &[
        KnownIssuer::new("https://accounts.google.com"),
        KnownIssuer::new("accounts.google.com"),
    ],
    audience: AudienceKind::Named("the client id of your Google OAuth client, or of several"),
    profile: Profile::google,
};

impl Profile {
    /// Google. Access tokens are opaque (`ya29.…`), and Google answers for them in a form of its own,
    /// which names the client as audience, and the user only where `openid` was asked for: whom it does not
    /// name could be anybody. `hd` is the Workspace domain. A service account's address
    /// tells it.
    #[must_use]
    pub fn google() -> Self {
        Self {
            name: "google",
            token_mode: TokenMode::Opaque,
            one_required: vec![claims(&["sub"])],
            client_audience: ClientAudience::Expected,
            client: claims(&["azp"]),
            tenant: claims(&["hd"]),
            machine_signs: vec![ends_with("email", ".gserviceaccount.com")],
            opaque_prefixes: vec!["ya29.".to_owned()],
            introspection_form: IntrospectionForm::GoogleTokeninfo,
            ..Self::generic()
        }
    }
}
