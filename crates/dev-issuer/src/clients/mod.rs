//! Clients: known from the start, registered at run time (RFC 7591), or described by a document at their own URL.

mod authentication;
mod client;
mod metadata;
mod metadata_document;
mod redirect_uri;
mod registration;
mod store;

pub(crate) use authentication::authenticate;
pub use client::StaticClient;
pub(crate) use client::{Client, GrantType};
pub(crate) use redirect_uri::redirects_to;
pub(crate) use registration::register;
pub(crate) use store::ClientStore;
