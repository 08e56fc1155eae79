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
//!
//! ```
//! use oauthgate_core::{Answer, Audience, CompactJws, Denial, Issuer, JwkSet, ProtectedResource};
//! use oauthgate_core::{ResourceIdentifier, UnixTime, UserContext, Verifier};
//!
//! fn caller(verifier: &Verifier, keys: &JwkSet, token: &str, now: UnixTime) -> Result<UserContext, Denial> {
//!     let token = CompactJws::parse(token)?;
//!     let verified = verifier.verify_signature(&token, keys)?;
//!     let validated = verifier.validate(verified, now)?;
//!     Ok(verifier.user_context(&validated)?)
//! }
//!
//! let issuer = Issuer::new("https://auth.example.com/")?;
//! let resource = ResourceIdentifier::parse("https://mcp.example.com/mcp")?;
//! let audience = Audience::new(resource.as_str())?;
//! let verifier = Verifier::builder().issuer(issuer.clone()).audiences(audience, []).build()?;
//! let keys = JwkSet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
//!     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
//!
//! let denial = caller(&verifier, &keys, "not a token", UnixTime::from_secs(1_790_000_000)).unwrap_err();
//! assert_eq!(denial.code(), "opaque_token");
//! let answer = Answer::to(&denial, &ProtectedResource::new(resource, vec![issuer]));
//! assert_eq!(answer.status(), 401);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it refuses, and why, is in the [`manual`].

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

pub mod challenge;
pub mod claims;
pub mod context;
pub mod danger;
pub mod error;
pub mod json;
pub mod keys;
pub mod manual;
pub mod metadata;
pub mod policy;
pub mod quota;
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
pub use policy::{Caller, Denial, Permit, Requirement, ScopeHierarchy, Shortfall};
pub use reason::{Blame, Reason};
pub use signature::{SharedSecret, SignatureVerified};
pub use time::UnixTime;
pub use token::{BearerToken, CompactJws, IntrospectionAnswer, TokenShape};
pub use verifier::{ValidatedToken, Verifier, VerifierBuilder, VerifierSet};
