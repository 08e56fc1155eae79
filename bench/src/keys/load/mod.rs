//! The load: good clients whose answers are measured, and strangers whose answers are not.

mod connection;
mod good;
mod samples;
mod strangers;

pub(crate) use connection::{Connection, PATIENCE};
pub(crate) use good::GoodClients;
pub(crate) use samples::{Sample, Samples, Verdict};
pub(crate) use strangers::Strangers;
