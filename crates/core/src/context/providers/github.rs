//! GitHub.

use crate::{
    Profile,
    context::{
        AudienceKind, ClientAudience, IntrospectionForm, Preset, TokenMode, preset::KnownIssuer,
        profile::claims,
    },
};

pub(super) const PRESET: Preset = Preset {
    name: "github",
    title: "GitHub",
    issuers: &[
        KnownIssuer::new("https://github.com"),
        KnownIssuer::new("https://github.com/login/oauth"),
    ],
    audience: AudienceKind::Named("the client id of your GitHub OAuth application"),
    profile: Profile::github,
};

impl Profile {
    /// GitHub. Its OAuth tokens are opaque, and the application that they were issued to may ask about
    /// them; nobody else can know whom they are for.
    #[must_use]
    pub fn github() -> Self {
        Self {
            name: "github",
            token_mode: TokenMode::Opaque,
            client_audience: ClientAudience::Expected,
            client: claims(&["client_id"]),
            opaque_prefixes: vec!["gho_".to_owned(), "ghu_".to_owned()],
            introspection_form: IntrospectionForm::GitHubApplication,
            ..Self::generic()
        }
    }
}
