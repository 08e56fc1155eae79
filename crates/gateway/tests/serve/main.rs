//! `oauthgate serve` as a process, and `oauthgate keys` beside it.

mod gate;
mod issuer;
mod issuers;
mod keys;
mod lifecycle;
mod sources;
mod traps;
