//! Against a real `redis-server`, started by each test.

mod clocks;
mod day;
mod hostile;
mod keys;
mod link;
pub(crate) mod server;
mod tls;
mod withdrawals;
