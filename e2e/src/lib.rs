//! The harness of the end-to-end tests: starts the real gate, real authorization servers and real MCP
//! servers on ports chosen at run time, waits until they are ready, and ends each by its process id.
//!
//! Nothing is skipped when a part is missing: the test fails and says to run `cargo xtask setup`.

mod authorization_server;
mod browser;
mod clients;
mod gate;
mod glewlwyd;
mod haproxy;
mod injector;
mod issuer;
mod login;
mod moto;
mod names;
mod nginx;
mod oidc_provider;
mod outlet;
mod outlive;
mod page;
mod parts;
mod process;
mod providers;
mod raw;
mod raw_http2;
mod recorder;
mod redis;
mod step_up;
mod upstream;

pub use authorization_server::{AuthorizationServer, Kind, SCOPES};
pub use browser::{Browser, REDIRECT_URI};
pub use clients::{
    ClientReport, Job, Progress, python_client, read_by_npm, read_by_python, typescript_client,
};
pub use gate::{Gate, GateBuilder};
pub use glewlwyd::Glewlwyd;
pub use haproxy::Haproxy;
pub use injector::Injector;
pub use issuer::{Issuer, Signer};
pub use login::Tokens;
pub use moto::{Moto, UserPool};
pub use names::Names;
pub use nginx::Nginx;
pub use oidc_provider::{Form, OidcProvider};
pub use outlet::{Behaviour, Outlet};
pub use outlive::{Called, OutliveJob, OutliveReport, outlive_in_python, outlive_in_typescript};
pub use page::{Example, Page, Promise, SECTIONS};
pub use parts::{
    Part, binary, glewlwyd, haproxy, moto_server, new_key, nginx, node, node_script, npm_package,
    python, workspace_root,
};
pub use process::{Process, free_port};
pub use providers::Emulated;
pub use raw::{Connection, RawResponse, exchange, request_head};
pub use raw_http2::{
    Http2Connection, Http2Event, http2_continuation, http2_field, http2_half_head, http2_request,
    http2_reset, http2_room,
};
pub use recorder::{Recorded, Recorder};
pub use redis::RedisServer;
pub use step_up::{Call, Client, Step, StepUpJob, StepUpReport, step_up};
pub use upstream::Upstream;
