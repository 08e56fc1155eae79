//! The issuer over HTTP, as its clients see it. Tokens are verified by another library than ours.

mod authorize;
mod consent;
mod control;
mod documents;
mod emulate;
mod introspection;
mod lifecycle;
mod login;
mod metadata;
mod refresh;
mod registration;
mod support;
mod token;
