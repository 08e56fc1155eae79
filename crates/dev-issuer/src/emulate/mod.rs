//! Other authorization servers, imitated: tokens, keys and documents exactly in the shape of a provider, over the same
//! OAuth endpoints, from a file for each provider.
//!
//! Written from the providers' documentation, and on purpose from nothing in the validator: the two are played against
//! each other. To add a provider: a file beside this one with a [`provider::Provider`], and a line in [`TABLE`].

mod auth0;
mod authentik;
mod b2c;
mod casdoor;
mod clerk;
mod cognito;
mod descope;
mod dex;
mod duende;
mod entra;
mod entra_external_id;
mod fusionauth;
mod generic;
mod github;
mod google;
mod hydra;
mod keycloak;
mod kind;
mod logto;
mod mint;
mod oidc_provider;
mod okta;
mod pingone;
mod provider;
mod routes;
mod scalekit;
mod shape;
mod site;
mod spring;
mod stytch;
mod supabase;
mod workos;
mod zitadel;

use std::fmt;

pub(crate) use kind::Order;
pub use kind::{Changes, Kind};
pub(crate) use mint::{Emulated, Wanted};
pub(crate) use routes::{authorize_paths, endpoint_routes, token_info_routes};

use provider::Provider;

/// A provider that the dev issuer can pass itself off as.
#[derive(Clone, Copy)]
pub struct Emulation(&'static Row);

/// One line of the table.
struct Row {
    name: &'static str,
    /// The preset of our gate that reads it.
    preset: &'static str,
    title: &'static str,
    provider: &'static dyn Provider,
}

macro_rules! table {
    ($($name:literal, $preset:literal, $title:literal, $provider:expr;)+) => {
        &[$(Emulation(&Row { name: $name, preset: $preset, title: $title, provider: &$provider })),+]
    };
}

/// Every provider: name, preset of our gate, title, what it does.
static TABLE: &[Emulation] = table! {
    "generic", "generic", "a server that follows the RFCs", generic::Generic;
    "cognito", "cognito", "Amazon Cognito", cognito::Cognito;
    "auth0", "auth0", "Auth0", auth0::Auth0::Default;
    "auth0-rfc9068", "auth0", "Auth0, RFC 9068 profile at a custom domain", auth0::Auth0::Rfc9068;
    "okta", "okta", "Okta, custom authorization server", okta::Okta::Custom;
    "okta-org", "okta-org", "Okta, org authorization server", okta::Okta::Org;
    "entra", "entra", "Microsoft Entra ID, v2.0 tokens", entra::Entra::V2;
    "entra-v1", "entra", "Microsoft Entra ID, v1.0 tokens", entra::Entra::V1;
    "entra-organizations", "entra", "Microsoft Entra ID, any tenant", entra::Entra::Organizations;
    "entra-external-id", "entra-external-id", "Microsoft Entra External ID", entra_external_id::EntraExternalId;
    "b2c", "b2c", "Azure AD B2C", b2c::B2c::Default;
    "b2c-tfp", "b2c", "Azure AD B2C, policy in the issuer", b2c::B2c::Tfp;
    "keycloak", "keycloak", "Keycloak", keycloak::Keycloak;
    "google", "google", "Google", google::Google;
    "github", "github", "GitHub", github::GitHub;
    "descope", "descope", "Descope, sessions", descope::Descope::Session;
    "descope-agentic", "descope", "Descope, server of an MCP server", descope::Descope::Agentic;
    "stytch", "stytch", "Stytch", stytch::Stytch::Project;
    "stytch-domain", "stytch", "Stytch, project domain", stytch::Stytch::Domain;
    "hydra", "hydra", "Ory Hydra", hydra::Hydra;
    "zitadel", "zitadel", "ZITADEL", zitadel::Zitadel;
    "authentik", "authentik", "authentik", authentik::Authentik;
    "workos", "workos", "WorkOS AuthKit", workos::WorkOs;
    "scalekit", "scalekit", "Scalekit", scalekit::Scalekit;
    "duende", "duende", "Duende IdentityServer", duende::Duende;
    "fusionauth", "fusionauth", "FusionAuth", fusionauth::FusionAuth;
    "clerk", "clerk", "Clerk", clerk::Clerk;
    "supabase", "supabase", "Supabase Auth", supabase::Supabase;
    "logto", "logto", "Logto", logto::Logto;
    "casdoor", "casdoor", "Casdoor", casdoor::Casdoor;
    "spring", "spring", "Spring Authorization Server", spring::Spring;
    "oidc-provider", "oidc-provider", "node oidc-provider", oidc_provider::OidcProvider;
    "dex", "dex", "Dex", dex::Dex;
    "pingone", "pingone", "PingOne", pingone::PingOne;
};

impl Emulation {
    /// Every provider, in the order of the documentation.
    #[must_use]
    pub fn all() -> &'static [Self] {
        TABLE
    }

    /// The provider of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|emulation| emulation.name() == name)
            .copied()
    }

    /// Such as `cognito`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The preset of the OAuthGate that reads these tokens.
    #[must_use]
    pub fn preset(self) -> &'static str {
        self.0.preset
    }

    /// As the provider calls itself.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.0.title
    }

    /// The provider's own host names, which a proxy must lead to the loopback port when they are written
    /// ([`DevIssuerOptions::real_names`](crate::DevIssuerOptions::real_names)).
    #[must_use]
    pub fn hosts(self) -> &'static [&'static str] {
        self.0.provider.hosts()
    }

    /// The clients that exist from the start: one that logs people in, with any port of `http://127.0.0.1/callback`
    /// and `http://localhost/callback`, and one that logs itself in with the secret [`Self::CLIENT_SECRET`] (which the
    /// first has, too, where the provider knows no client without a secret).
    #[must_use]
    pub fn clients(self) -> [&'static str; 2] {
        self.0.provider.clients()
    }

    /// Whether the first of the [`clients`](Self::clients) has the secret, too.
    #[must_use]
    pub fn login_needs_secret(self) -> bool {
        self.0.provider.login_needs_secret()
    }

    /// The secret of those [`clients`](Self::clients) that have one.
    pub const CLIENT_SECRET: &'static str = "dev-secret";

    fn provider(self) -> &'static dyn Provider {
        self.0.provider
    }
}

impl fmt::Debug for Emulation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Emulation({})", self.0.name)
    }
}

impl PartialEq for Emulation {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Emulation {}
