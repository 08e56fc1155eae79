//! How much good callers may do: quotas by subject, client, tenant, tier, tool or address.
//!
//! Three lines limit a protected service to 60 requests a minute for each of its callers:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use axum::{Router, routing::get};
//! use oauthgate_remote::{OAuth21Provider, clock::SystemClock, state::quotas::LocalQuotas};
//! use oauthgate_tower::{
//!     QuotaLayer, ResourceServerLayer,
//!     quota::{By, Limit, LimitPlan},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = OAuth21Provider::from_env()?;
//! let per_user = Limit::new("per-user", [By::Subject])?.rate("60/min".parse()?);
//! let plan = LimitPlan::new(provider.resource(), [per_user])?;
//! let quotas = LocalQuotas::new(10_000, Arc::new(SystemClock::new()));
//! let limits = QuotaLayer::new(plan, Arc::new(quotas));
//! let app: Router = Router::new()
//!     .route("/hello", get(async || "hello"))
//!     .layer(limits)
//!     .layer(ResourceServerLayer::new(provider));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! What holds:
//!
//! 1. Requests are counted behind authentication and policy, so what is refused there costs nothing. A caller
//!    is told by its verified token, never by a header; whoever has none by the network that it comes from.
//! 2. A request is charged by all limits that are about it, or, if one of them is spent, by none: then the
//!    answer is 429 with `Retry-After`, and the service never sees it.
//! 3. The keys of counts hold the resource, the limit and everything that tells the caller apart: the same
//!    subject of two issuers is two callers.
//! 4. Every answer to a counted request carries `RateLimit-Policy` and `RateLimit` beside those of the service
//!    (draft-ietf-httpapi-ratelimit-headers-11), and a [`Counted`] in its extensions.
//! 5. Tools are counted where a layer in between says what is called ([`Operations`]), as the policy layer of
//!    `oauthgate-mcp` does; without it each request is one operation.

mod by;
mod caller;
mod counted;
mod counter;
mod fields;
mod layer;
mod limit;
mod operations;
mod places;
mod plan;
mod service;

pub use by::By;
pub use counted::{Counted, CountedLimit};
pub use fields::{RATE_LIMIT, RATE_LIMIT_POLICY};
pub use layer::QuotaLayer;
pub use limit::Limit;
pub use operations::{Operations, ToolCall};
pub use places::LimitPlaces;
pub use plan::LimitPlan;
pub use service::QuotaService;

#[cfg(test)]
mod tests;
