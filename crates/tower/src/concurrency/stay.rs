//! A request under way, and what it takes up.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::{Method, Response, StatusCode, header, request::Parts};

use crate::stream_expiry::is_event_stream;

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A request until its answer has ended.
    Request,
    /// A stream: it may last for days.
    Stream,
}

/// Something with room for so many requests and so many streams.
pub trait Room {
    /// Room taken, until it is dropped.
    type Place;

    /// Room for one more, if there is any.
    fn enter(&self, kind: Kind) -> Option<Self::Place>;
}

/// There is no room for one more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full<R> {
    /// Where.
    pub room: R,
    /// For one more of what.
    pub kind: Kind,
}

/// The places that one request takes up, each in another room, until the stay is dropped.
pub struct Stay<R: Room> {
    seats: Mutex<Seats<R>>,
    /// Whether the request changes nothing (RFC 9110 §9.2.1), so that its answer may be thrown away.
    is_safe: bool,
    is_head: bool,
}

/// Most requests have one: a list takes memory from the second on.
struct Seats<R: Room> {
    first: Option<Seat<R>>,
    more: Vec<Seat<R>>,
}

impl<R: Room> Seats<R> {
    fn iter(&self) -> impl Iterator<Item = &Seat<R>> {
        self.first.iter().chain(&self.more)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Seat<R>> {
        self.first.iter_mut().chain(&mut self.more)
    }
}

struct Seat<R: Room> {
    room: R,
    kind: Kind,
    /// Held for its drop.
    _place: R::Place,
}

impl<R: Room> Stay<R> {
    /// Room for this request in all of these, or in none.
    ///
    /// # Errors
    /// The first that has no room.
    pub fn begin(parts: &Parts, rooms: impl IntoIterator<Item = R>) -> Result<Self, Full<R>> {
        let kind = match asks_for_stream(parts) {
            true => Kind::Stream,
            false => Kind::Request,
        };
        Self::of_kind(kind, &parts.method, rooms)
    }

    /// As [`Self::begin`], for whoever knows better what will be answered.
    ///
    /// # Errors
    /// The first that has no room.
    pub fn of_kind(
        kind: Kind,
        method: &Method,
        rooms: impl IntoIterator<Item = R>,
    ) -> Result<Self, Full<R>> {
        let mut seats = rooms.into_iter().map(|room| Seat::take(room, kind));
        let seats = Seats {
            first: seats.next().transpose()?,
            more: seats.collect::<Result<_, _>>()?,
        };
        Ok(Self {
            seats: Mutex::new(seats),
            is_safe: method.is_safe(),
            is_head: *method == Method::HEAD,
        })
    }

    /// The head of the answer is there: a stream exchanges the places of its request.
    ///
    /// # Errors
    /// The first room without a place for it; then drop the answer before anything of it is sent. That is
    /// never asked for where the request may have changed something: such a stream stays where its
    /// request was.
    pub fn settle<B>(&self, response: &Response<B>) -> Result<(), Full<R>>
    where
        R: Clone,
    {
        if self.is_head || !is_stream(response) {
            return Ok(());
        }
        let mut seats = self.seats();
        let moves = seats.iter().map(|seat| match seat.kind {
            Kind::Stream => Ok(None),
            Kind::Request => match Seat::take(seat.room.clone(), Kind::Stream) {
                Err(_) if !self.is_safe => Ok(None),
                moved => moved.map(Some),
            },
        });
        let moves: Vec<_> = moves.collect::<Result<_, _>>()?;
        for (seat, moved) in seats.iter_mut().zip(moves) {
            if let Some(moved) = moved {
                *seat = moved;
            }
        }
        Ok(())
    }

    /// Whether it takes up the place of a stream anywhere.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.seats().iter().any(|seat| seat.kind == Kind::Stream)
    }

    #[cfg(test)]
    pub(super) fn is_safe(&self) -> bool {
        self.is_safe
    }

    fn seats(&self) -> MutexGuard<'_, Seats<R>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Room> Seat<R> {
    fn take(room: R, kind: Kind) -> Result<Self, Full<R>> {
        match room.enter(kind) {
            Some(place) => Ok(Self {
                room,
                kind,
                _place: place,
            }),
            None => Err(Full { room, kind }),
        }
    }
}

impl<R: Room> fmt::Debug for Stay<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stay")
            .field("is_stream", &self.is_stream())
            .finish_non_exhaustive()
    }
}

/// In the extensions of a request: whoever knows its protocol says that it asks for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsksForStream;

/// Whether nothing but a stream can be the answer: a `GET` that accepts event streams only, the
/// handshake of a WebSocket (RFC 6455 §4.1), or a request with [`AsksForStream`] in its extensions.
#[must_use]
pub fn asks_for_stream(parts: &Parts) -> bool {
    let by_its_head =
        parts.method == Method::GET && (accepts_only_events(parts) || asks_for_websocket(parts));
    by_its_head || parts.extensions.get::<AsksForStream>().is_some()
}

fn accepts_only_events(parts: &Parts) -> bool {
    let mut accepts_events = false;
    for value in parts.headers.get_all(header::ACCEPT) {
        let ranges = value.as_bytes().split(|byte| *byte == b',');
        for range in ranges.map(<[u8]>::trim_ascii) {
            if is_event_range(range) {
                accepts_events = true;
            } else if !range.is_empty() {
                return false;
            }
        }
    }
    accepts_events
}

fn is_event_range(range: &[u8]) -> bool {
    let name = range.split(|byte| *byte == b';').next();
    name.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}

fn asks_for_websocket(parts: &Parts) -> bool {
    let upgrade = parts.headers.get(header::UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether an answer lasts: a stream of events, or a connection that becomes something else.
#[must_use]
pub fn is_stream<B>(response: &Response<B>) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS || is_event_stream(response.headers())
}
