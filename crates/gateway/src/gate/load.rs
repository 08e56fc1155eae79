//! What the gate as a whole carries, and what it turns away before anything is done for it.
//!
//! A request counts from the door until its answer has ended, a stream apart from it; a refusal is no work
//! any more, however long its client takes to hear it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use http::{Method, Response, request::Parts};
use oauthgate_core::{Denial, Reason};
use oauthgate_mcp::Operation;
use oauthgate_tower::concurrency::{AsksForStream, Kind, asks_for_stream, is_stream};
use prometheus_client::metrics::gauge::Gauge;

use crate::{
    config::Limits,
    telemetry::{
        metrics::Metrics,
        shedding::{Shed, Shedding},
    },
};

/// All that is under way. Clones count together.
#[derive(Debug, Clone)]
pub(super) struct Load(Arc<Halls>);

#[derive(Debug)]
struct Halls {
    requests: Hall,
    streams: Hall,
    shedding: Shedding,
}

/// How many there are of one kind.
#[derive(Debug)]
struct Hall {
    shed: Shed,
    most: usize,
    taken: AtomicUsize,
    gauge: Gauge,
}

/// A request that was let in: its place, until it is dropped.
#[derive(Debug)]
pub(super) struct Visit {
    load: Load,
    is_stream: AtomicBool,
    /// Whether the request changes nothing (RFC 9110 §9.2.1), so that its answer may be thrown away.
    is_safe: bool,
    is_head: bool,
}

impl Load {
    /// So much may be under way.
    pub(super) fn new(limits: &Limits, metrics: &Metrics) -> Self {
        let hall = |shed, most, gauge: &Gauge| Hall {
            shed,
            most,
            taken: AtomicUsize::default(),
            gauge: gauge.clone(),
        };
        Self(Arc::new(Halls {
            requests: hall(Shed::Requests, limits.in_flight, &metrics.in_flight),
            streams: hall(Shed::Streams, limits.streams, &metrics.open_streams),
            shedding: metrics.shedding.clone(),
        }))
    }

    /// Lets a request in, if the gate can carry one more.
    pub(super) fn admit(&self, parts: &mut Parts) -> Result<Visit, Denial> {
        if subscribes(parts) {
            parts.extensions.insert(AsksForStream);
        }
        let kind = match asks_for_stream(parts) {
            true => Kind::Stream,
            false => Kind::Request,
        };
        if !self.hall(kind).enter() {
            return Err(self.turn_away(kind));
        }
        Ok(Visit {
            load: self.clone(),
            is_stream: AtomicBool::new(kind == Kind::Stream),
            is_safe: parts.method.is_safe(),
            is_head: parts.method == Method::HEAD,
        })
    }

    fn turn_away(&self, kind: Kind) -> Denial {
        let Hall { shed, most, .. } = self.hall(kind);
        self.0.shedding.note(*shed, *most, None);
        Denial::new(Reason::Overloaded).with_detail(format!("{}: {most}", shed.setting()))
    }

    fn hall(&self, kind: Kind) -> &Hall {
        match kind {
            Kind::Request => &self.0.requests,
            Kind::Stream => &self.0.streams,
        }
    }
}

impl Hall {
    fn enter(&self) -> bool {
        let one_more = |taken: usize| (taken < self.most).then(|| taken + 1);
        let entered = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        if entered.is_ok() {
            self.gauge.inc();
        }
        entered.is_ok()
    }

    fn leave(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        self.gauge.dec();
    }
}

/// A `subscriptions/listen` comes as a `POST`, and says in its head what it is (MCP 2026-07-28). Whoever says so
/// of something else has it counted as a stream, and gains nothing.
fn subscribes(parts: &Parts) -> bool {
    parts.method == Method::POST
        && parts
            .headers
            .get("mcp-method")
            .is_some_and(|method| method == Operation::SUBSCRIPTIONS_LISTEN)
}

impl Visit {
    /// The head of the answer is there: a stream exchanges the place of its request for one among the streams. If
    /// there is none, a request that may have changed something keeps its own: its answer is never thrown away.
    ///
    /// # Errors
    /// When the answer is one stream too many; it is to be dropped.
    pub(super) fn settle<B>(&self, response: &Response<B>) -> Result<(), Denial> {
        if self.is_head || !is_stream(response) || self.is_stream.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.load.hall(Kind::Stream).enter() {
            self.load.hall(Kind::Request).leave();
            self.is_stream.store(true, Ordering::Relaxed);
        } else if self.is_safe {
            return Err(self.load.turn_away(Kind::Stream));
        }
        Ok(())
    }

    fn kind(&self) -> Kind {
        match self.is_stream.load(Ordering::Relaxed) {
            true => Kind::Stream,
            false => Kind::Request,
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.load.hall(self.kind()).leave();
    }
}
