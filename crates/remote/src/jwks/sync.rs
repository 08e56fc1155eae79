//! What [`Flight`](super::flight::Flight) and [`Generation`](super::generation::Generation) are built on.
//! `tests/flight_model.rs` and `tests/generation_model.rs` put a model checker's primitives in the place of
//! these, around the same sources.

pub(super) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};
