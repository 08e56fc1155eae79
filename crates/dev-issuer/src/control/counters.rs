//! How often each endpoint was asked.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::Endpoint;

/// Requests per endpoint since the start or the last reset, the failed ones included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are the endpoints")]
pub struct Counters {
    pub metadata: u64,
    pub jwks: u64,
    pub authorize: u64,
    pub token: u64,
    pub register: u64,
    pub revoke: u64,
    pub introspect: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts([AtomicU64; 7]);

impl Counts {
    pub(crate) fn count(&self, endpoint: Endpoint) {
        self.0[endpoint as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reset(&self) {
        self.0
            .iter()
            .for_each(|count| count.store(0, Ordering::Relaxed));
    }

    pub(crate) fn read(&self) -> Counters {
        let of = |endpoint: Endpoint| self.0[endpoint as usize].load(Ordering::Relaxed);
        Counters {
            metadata: of(Endpoint::Metadata),
            jwks: of(Endpoint::Jwks),
            authorize: of(Endpoint::Authorize),
            token: of(Endpoint::Token),
            register: of(Endpoint::Register),
            revoke: of(Endpoint::Revoke),
            introspect: of(Endpoint::Introspect),
        }
    }
}
