//! Decides whether an OAuth 2.1 access token is good, who the caller is, and what to answer.
//!
//! This crate performs no I/O, reads no clock and knows no async: keys and time come in as
//! arguments, decisions go out as values. The path of a request, in types:
//!
//! ```text
//! Request ─ BearerToken ─ CompactJws ─ (KeyHint → JwkSet) ─ SignatureVerified ─ ValidatedToken ─ UserContext ─ Permit
//!    └─────────────────────────────── TokenError ───────────────────────────────┘        └── Denial ─┐
//!                                                                            Answer (401/403/429/503) ┘
//! ```
//!
//! Holding a value is the proof: `SignatureVerified`, `ValidatedToken`, `UserContext` and `Permit`
//! have private fields and one maker each.

#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

pub mod challenge;
pub mod claims;
pub mod context;
pub mod danger;
pub mod error;
pub mod json;
pub mod keys;
pub mod metadata;
pub mod policy;
pub mod reason;
pub mod signature;
pub mod text;
pub mod time;
pub mod token;
pub mod verifier;

pub use challenge::{Answer, Challenge};
pub use claims::{Audience, Issuer, Scope, ScopeSet};
pub use context::{PrincipalKind, Profile, UserContext};
pub use error::{SettingError, TokenError};
pub use keys::{JwkSet, KeyHint, KeyId, SigningAlgorithm};
pub use metadata::{ProtectedResource, ProtectedResourceMetadata, ResourceIdentifier};
pub use policy::{Denial, Permit, Requirement};
pub use reason::{Blame, Reason};
pub use signature::SignatureVerified;
pub use time::UnixTime;
pub use token::{BearerToken, CompactJws};
pub use verifier::{ValidatedToken, Verifier, VerifierBuilder, VerifierSet};
