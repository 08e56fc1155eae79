//! Against a real `redis-server`, started by each test.

mod hostile;
mod keys;
mod link;
pub(crate) mod server;
mod withdrawals;
