//! End to end: the real gate between real clients, servers and authorization servers.
//!
//! One test binary, so that the heavy parts can be limited (see [`limit`]). Nothing is skipped: a missing
//! part fails the test and says what to run.

mod challenges;
mod cli;
mod conformance;
mod connection;
mod drain;
mod examples;
mod foreign;
mod hostile;
mod keys;
mod lazy;
mod limit;
mod limits;
mod lists;
mod login;
mod opaque_login;
mod policy;
mod providers;
mod proxies;
mod quotas;
mod readers;
mod rmcp_client;
mod rotation;
mod sessions;
mod slow;
mod step_up;
mod streams;
