//! The gate over real connections.

mod answers;
mod between;
mod ends;
mod hygiene;
mod lines;
mod metrics_page;
mod operator;
mod pages;
mod recorder;
mod replies;
mod reuse;
mod streams;
mod support;
mod through;
mod tunnels;
