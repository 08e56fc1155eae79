//! Each provider's shape, held against its published documentation and samples.

mod auth0;
mod client_audiences;
mod cognito;
mod descope_stytch;
mod entra;
mod every;
mod flows;
mod generic;
mod google_github;
mod keycloak;
mod microsoft_others;
mod names_of_claims;
mod okta;
mod resources;
mod support;
