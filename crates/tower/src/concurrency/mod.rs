//! How many requests and streams one caller may have under way.
//!
//! A rate says how often somebody may ask; this says how much of it may be open at once. A request holds a
//! [`Place`] from its arrival until its answer has ended, was dropped, or its client is gone; the count
//! lives as long as somebody is counted, so that memory is bounded by what is really under way.
//!
//! Streams (`text/event-stream`, WebSockets) last long, so they have places of their own and take none of
//! the requests':
//!
//! - A request that can only be answered with a stream ([`asks_for_stream`]) takes a place among the streams
//!   before anything behind hears of it, and is refused there and then if none is free.
//! - An answer that turns out to be a stream exchanges its request's place for one among the streams. If
//!   none is free it is dropped before its first byte, and the caller hears 429 `too_many_streams`.
//! - Unless the request may have changed something (`POST` and its like): its answer is never thrown away,
//!   because whoever hears 429 asks again. Such a stream keeps the place of its request, so that no caller
//!   ever has more under way than both numbers together.
//!
//! [`ConcurrencyLayer`] does all of this for any service. Whoever goes on serving a client after the
//! response's body has ended (a tunnel) keeps a clone of the [`HeldPlaces`] in the request's extensions.

mod body;
mod caller;
mod claim;
mod held;
mod layer;
mod places;
mod service;
mod stay;
#[cfg(test)]
mod tests;

pub use self::{
    body::PlacedBody,
    caller::{Caller, PerCaller},
    claim::{Allowance, Claim, Claims, Ledger},
    held::HeldPlaces,
    layer::ConcurrencyLayer,
    places::{Place, Places},
    service::{Concurrency, ConcurrencyFuture},
    stay::{AsksForStream, Full, Kind, Room, Stay, asks_for_stream, is_stream},
};
