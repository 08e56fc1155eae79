//! What [`Flight`](super::flight::Flight) is built on. `tests/flight_model.rs` puts a model checker's
//! primitives in the place of these, around the same source.

pub(super) use std::sync::{Mutex, MutexGuard};
