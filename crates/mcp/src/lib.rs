//! Authorization per MCP tool call, decided on the body that the MCP server will read.
//!
//! [`PolicyLayer`] goes behind [`oauthgate_tower::ResourceServerLayer`]: the outer layer says who is
//! calling, this one reads which tools the message calls and whether the caller holds their scopes.
//!
//! ```no_run
//! use axum::{Router, routing::post};
//! use oauthgate_mcp::{Policy, PolicyLayer};
//! use oauthgate_core::ScopeSet;
//! use oauthgate_remote::OAuth21Provider;
//! use oauthgate_tower::{Requirement, ResourceServerLayer};
//!
//! # async fn mcp() {}
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = OAuth21Provider::from_env()?;
//! let policy = Policy::new()
//!     .tool("read_file", Requirement::scopes(ScopeSet::parse("files:read")?))
//!     .tool("delete_file", Requirement::scopes(ScopeSet::parse("files:read files:write")?));
//! let app: Router = Router::new()
//!     .route("/mcp", post(mcp))
//!     .layer(PolicyLayer::new(policy, provider.resource()))
//!     .layer(ResourceServerLayer::new(provider));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! The rules, in order. Whatever cannot be decided is refused; a protocol revision changes none of them.
//!
//! 1. A policy without rules reads nothing and changes nothing; nor does any policy where authentication
//!    is switched off (`danger::NoAuth`), because then nobody holds a scope.
//! 2. Any request with a body is read as a whole, up to a limit (413 beyond it), whatever its method;
//!    a WebSocket is refused, because its messages would pass unseen.
//! 3. The body must be plain `application/json` in UTF-8, there in time, and one JSON-RPC message (or a
//!    batch, of the revisions that have them) that every reader understands alike: see [`jsonrpc`].
//! 4. Every operation of the message needs what the [`Policy`] demands for it: the first rule that is about it
//!    decides ([`policy`]). A message with several operations needs all of it together, and a refusal for
//!    scope names all scopes in one challenge. What no rule is about is refused, except housekeeping; with
//!    [`Policy::tool`] alone, tools are decided on, and other methods pass.
//! 5. `MCP-Protocol-Version`, `Mcp-Method`, `Mcp-Name` and the `Mcp-Param-*` headers of [`ParameterHeaders`],
//!    where present or required, must say what the body says (400, -32020); the revision must be one of
//!    [`Revision::ALL`] (400, -32022), unless the message is a `server/discover` that asks which there are.
//! 6. The very bytes that were decided on go to the server.
//! 7. Where a stream ends with the token that opened it ([`oauthgate_tower::stream_expiry`]), a call that
//!    waits for its answer there is answered with an error, so that no client waits for ever.
//! 8. Lists of tools, prompts, resources and resource templates come back without the items that this caller may not
//!    use ([`policy::ListFilter`]), in JSON and in event streams; every other byte stays. An answer to a list
//!    request that cannot be read is withheld. Other answers pass unread.
//! 9. Without a token, only what rules with [`policy::RuleBuilder::anonymous`] are about passes; all else is 401 with the scopes
//!    that it needs. Both layers are joined for that, so that nobody's request reaches a service that was
//!    not asked about it; without such a rule the join changes nothing:
//!
//! ```no_run
//! use axum::{Router, routing::post};
//! use oauthgate_core::ScopeSet;
//! use oauthgate_mcp::{Policy, PolicyLayer, policy::Rule};
//! use oauthgate_remote::OAuth21Provider;
//! use oauthgate_tower::ResourceServerLayer;
//!
//! # async fn mcp() {}
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = OAuth21Provider::from_env()?;
//! let look_around = ["initialize", "notifications/*", "ping", "server/discover", "tools/list"];
//! let policy = Policy::new()
//!     .rule(Rule::builder().methods(look_around).anonymous(true).build()?)
//!     .rule(Rule::builder().tools(["*"]).scopes(ScopeSet::parse("notes:write")?).build()?);
//! let policy = PolicyLayer::new(policy, provider.resource());
//! let app: Router = Router::new()
//!     .route("/mcp", post(mcp))
//!     .layer(ResourceServerLayer::new(provider).optional_authentication(policy));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```

mod answer;
mod body;
mod decided;
mod farewell;
mod headers;
mod inspector;
pub mod jsonrpc;
mod layer;
pub mod limits;
mod lists;
mod media;
pub mod policy;
mod refusal;
pub mod revision;
mod service;
pub mod sessions;

pub use answer::AnswerBody;
pub use body::InspectedBody;
pub use decided::Decided;
pub use farewell::Watched;
pub use headers::{HeadersDoNotTell, Parameter, ParameterHeaders, ParameterType};
pub use jsonrpc::{
    Argument, Arguments, Message, Object, ObjectKind, Operation, Payload, Scalar, Wanted,
};
pub use layer::PolicyLayer;
pub use limits::Costs;
pub use oauthgate_tower::sse;
pub use policy::{Policy, Unlisted};
pub use revision::Revision;
pub use service::{PolicyService, Unread};
pub use sessions::{SessionBindingLayer, SessionBindingService, SessionSecret};
