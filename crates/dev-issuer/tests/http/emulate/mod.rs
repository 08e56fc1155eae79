//! Each provider's shape, held against its published documentation and samples.

mod auth0;
mod cognito;
mod entra;
mod every;
mod flows;
mod google_github;
mod keycloak;
mod support;
