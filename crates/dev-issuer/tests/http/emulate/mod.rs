//! Each provider's shape, held against its published documentation and samples.

mod auth0;
mod cognito;
mod descope_stytch;
mod entra;
mod every;
mod flows;
mod generic;
mod google_github;
mod keycloak;
mod microsoft_others;
mod okta;
mod support;
