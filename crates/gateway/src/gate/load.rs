//! What the gate as a whole carries, and what it turns away before anything is done for it.
//!
//! A request counts from the door until its answer has ended, a stream apart from it; a refusal is no work
//! any more, however long its client takes to hear it.
//!
//! Whoever brings a token makes us wait for its issuer, and a stranger can bring the same made-up one a
//! thousand times. So as long as nobody knows whose a request is, it also takes one of its network's places,
//! and no network has enough of them to fill the gate.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{Method, Response, request::Parts};
use oauthgate_core::{Answer, Denial, Reason};
use oauthgate_mcp::Operation;
use oauthgate_tower::{
    ClientNetwork,
    concurrency::{AsksForStream, Full, HeldPlaces, Kind, Place, PlacedBody, Places, Room, Stay},
};
use prometheus_client::metrics::gauge::Gauge;

use super::body::{GateBody, boxed};
use crate::{
    config::Limits,
    telemetry::{
        metrics::{Metrics, Underway},
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
    strangers: Places<ClientNetwork>,
    most_strangers: usize,
}

/// In the extensions of a request: its network's place among the requests of nobody in particular. Taken out
/// when it is known who is calling.
#[derive(Debug, Clone)]
pub(super) struct Stranger {
    _place: Arc<Place<ClientNetwork>>,
}

/// A small gate is not divided: whoever calls twice at once is no attacker.
const FEW_STRANGERS: usize = 16;

/// How many there are of one kind.
#[derive(Debug)]
struct Hall {
    shed: Shed,
    most: usize,
    taken: AtomicUsize,
    gauge: Gauge,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    load: Load,
    kind: Kind,
    _counted: Underway,
}

/// A request that was let in.
#[derive(Debug)]
pub(super) struct Visit(Arc<Stay<Load>>);

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
            strangers: Places::default(),
            most_strangers: limits.in_flight.div_ceil(4).max(FEW_STRANGERS),
        }))
    }

    /// Lets a request in, if the gate can carry one more.
    pub(super) fn admit(&self, parts: &mut Parts) -> Result<Visit, Denial> {
        if subscribes(parts) {
            parts.extensions.insert(AsksForStream);
        }
        let stay = Stay::begin(parts, [self.clone()]).map_err(|full| turn_away(&full))?;
        let stay = Arc::new(stay);
        self.let_in_stranger(parts)?;
        HeldPlaces::hold(&mut parts.extensions, Arc::clone(&stay));
        Ok(Visit(stay))
    }

    fn let_in_stranger(&self, parts: &mut Parts) -> Result<(), Denial> {
        let Some(network) = ClientNetwork::of(parts) else {
            return Ok(());
        };
        let most = self.0.most_strangers;
        let place = self.0.strangers.try_enter(network, most).ok_or_else(|| {
            Denial::new(Reason::TooManyInFlight)
                .with_retry_after(Answer::OVERLOAD_RETRY_AFTER)
                .with_detail(format!(
                    "{most} of its network whose tokens wait to be verified"
                ))
        })?;
        let place = Arc::new(place);
        parts.extensions.insert(Stranger { _place: place });
        Ok(())
    }

    fn hall(&self, kind: Kind) -> &Hall {
        match kind {
            Kind::Request => &self.0.requests,
            Kind::Stream => &self.0.streams,
        }
    }
}

/// A `subscriptions/listen` comes as a `POST`, and says in its head what it is (MCP 2026-07-28). Whoever says so
/// of something else has it counted as a stream, and gains nothing.
fn subscribes(parts: &Parts) -> bool {
    let method = parts.headers.get("mcp-method");
    parts.method == Method::POST
        && method.is_some_and(|method| method == Operation::SUBSCRIPTIONS_LISTEN)
}

fn turn_away(full: &Full<Load>) -> Denial {
    let Hall { shed, most, .. } = full.room.hall(full.kind);
    full.room.0.shedding.note(*shed, *most, None);
    Denial::new(Reason::Overloaded).with_detail(format!("{}: {most}", shed.setting()))
}

impl Room for Load {
    type Place = Seat;

    fn enter(&self, kind: Kind) -> Option<Seat> {
        let hall = self.hall(kind);
        let one_more = |taken: usize| (taken < hall.most).then(|| taken + 1);
        let entered = hall
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.ok().map(|_| Seat {
            load: self.clone(),
            kind,
            _counted: Underway::of(&hall.gauge),
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let hall = self.load.hall(self.kind);
        hall.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Visit {
    /// The answer, which holds the place until its end.
    ///
    /// # Errors
    /// When the answer is one stream too many; it is dropped.
    pub(super) fn settle(self, response: Response<GateBody>) -> Result<Response<GateBody>, Denial> {
        if response.extensions().get::<Denial>().is_some() {
            return Ok(response);
        }
        let settled = self.0.settle(&response);
        settled.map_err(|full| turn_away(&full))?;
        Ok(response.map(|body| boxed(PlacedBody::new(body, self.0))))
    }
}
