//! The OAuth 2.1 resource server in front of MCP servers and any HTTP API.
//!
//! The rooms, in the order in which a process walks through them:
//!
//! - [`cli`]: the commands; each is `Options` and `run`.
//! - [`config`]: flags, environment and file become [`config::Settings`], or one report of every mistake.
//! - [`gate`]: the running gate, from the listener to the end of the drain.
//! - [`proxy`]: whether a request may come in, and where it goes.
//! - [`upstream`]: the service behind, and what it is told about the caller.
//! - [`issuers`]: whose tokens are taken, and how their keys are doing.
//! - [`telemetry`]: access lines, logs, metrics; [`admin`]: the pages that show them, and the operator's
//!   word on keys.

pub mod admin;
pub mod cli;
pub mod config;
#[cfg(feature = "dev")]
pub mod demo;
pub mod gate;
pub mod issuers;
pub mod proxy;
pub mod telemetry;
pub mod upstream;
