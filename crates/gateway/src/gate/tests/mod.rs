//! The gate over real connections.

mod answers;
mod between;
mod concurrency;
mod ends;
mod expiry;
mod explained;
mod hygiene;
mod lines;
mod lists;
#[cfg(feature = "redis")]
mod metrics_page;
mod operator;
mod pages;
mod proxies;
mod quotas;
mod recorder;
#[cfg(feature = "redis")]
mod replicas;
mod replies;
mod reuse;
mod slow;
mod slow_http2;
mod step_up;
mod streams;
mod support;
mod through;
mod tunnels;
