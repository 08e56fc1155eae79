//! An event stream, read on its way.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use oauthgate_tower::Reference;
use pin_project_lite::pin_project;

use super::{viewer::Viewer, withheld::Withheld};
use crate::{
    lists::{Sieve, Unreadable, is_batch},
    sse::{Event, EventReader, EventTooLong},
};

pin_project! {
    /// The events of a stream as one reader may see them. Each goes out as soon as it is complete.
    #[derive(Debug)]
    pub(super) struct SiftedEvents<B> {
        #[pin]
        body: Option<B>,
        reader: EventReader,
        sieve: EventSieve,
    }
}

impl<B> SiftedEvents<B> {
    pub(super) fn new(body: B, limit: usize, sieve: EventSieve) -> Self {
        Self {
            body: Some(body),
            reader: EventReader::new(limit),
            sieve,
        }
    }

    /// Whether the stream has ended, and everything in it was handed on.
    pub(super) fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }
}

impl<B: Body<Data = Bytes>> SiftedEvents<B> {
    pub(super) fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        while let Some(body) = this.body.as_mut().as_pin_mut() {
            let mut shown = BytesMut::new();
            match ready!(body.poll_frame(cx)) {
                Some(Err(error)) => {
                    this.body.set(None);
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(frame)) => {
                    // Trailers speak of the server's bytes.
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    this.reader.push(&data);
                    if let Err(too_long) = this.sieve.pass_all(this.reader, &mut shown) {
                        this.sieve.give_up(too_long, &mut shown);
                        this.body.set(None);
                    }
                }
                None => {
                    this.sieve.finish(this.reader.finish(), &mut shown);
                    this.body.set(None);
                }
            }
            if !shown.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(shown.freeze()))));
            }
        }
        Poll::Ready(None)
    }
}

/// What one reader may see of a stream's events.
#[derive(Debug)]
pub(super) struct EventSieve {
    sieve: Sieve<Viewer>,
    /// The ids of the lists that were asked for, as JSON.
    lists: Vec<String>,
    reference: Reference,
    says_something: bool,
    says_nonsense: bool,
}

impl EventSieve {
    pub(super) fn new(sieve: Sieve<Viewer>, lists: Vec<String>, reference: Reference) -> Self {
        Self {
            sieve,
            lists,
            reference,
            says_something: false,
            says_nonsense: false,
        }
    }

    fn pass_all(
        &mut self,
        reader: &mut EventReader,
        shown: &mut BytesMut,
    ) -> Result<(), EventTooLong> {
        while let Some(event) = reader.next_event()? {
            self.pass(event, shown);
        }
        Ok(())
    }

    fn pass(&mut self, event: Event, shown: &mut BytesMut) {
        let event = self.without_nonsense(event);
        let outcome = event.data().map(|data| self.look_at(&data));
        self.says_something |= outcome.is_some();
        match outcome {
            None | Some(Ok(None)) => shown.extend_from_slice(event.raw()),
            Some(Ok(Some(data))) => shown.extend_from_slice(event.with_data(data.as_bytes()).raw()),
            Some(Err((withheld, id))) => self.withhold(&event, &withheld, id, shown),
        }
    }

    /// Nobody reads fields of other names; an answer that is no event stream at all consists of them.
    fn without_nonsense(&mut self, event: Event) -> Event {
        let known = |name: &[u8]| [&b"data"[..], b"event", b"id", b"retry"].contains(&name);
        if event.fields().all(|field| known(field.name)) {
            return event;
        }
        self.says_nonsense = true;
        event.retaining(|field| known(field.name))
    }

    /// Text without a brace holds no message for any reader (keep-alives, the address for messages of 2024-11-05).
    fn look_at(&self, data: &[u8]) -> Result<Option<String>, (Withheld, Option<String>)> {
        if !data.contains(&b'{') {
            return Ok(None);
        }
        let text = std::str::from_utf8(data).map_err(|_| (Withheld::NotUtf8, None))?;
        let sifted = if is_batch(text) {
            self.sieve.batch(text)
        } else {
            self.sieve.message(text)
        };
        let cause = |unreadable: Unreadable| {
            let id = unreadable.id().map(str::to_owned);
            (Withheld::from(&unreadable), id)
        };
        sifted.map_err(cause)
    }

    /// The event keeps its place in the stream; the response that it was becomes an error, or each list's response
    /// where it is not known which it was.
    fn withhold(
        &self,
        event: &Event,
        withheld: &Withheld,
        id: Option<String>,
        shown: &mut BytesMut,
    ) {
        withheld.log(&self.reference);
        let ids = id.map_or_else(|| self.lists.clone(), |id| vec![id]);
        let mut errors = ids.iter().map(|id| Withheld::message(id, &self.reference));
        let in_place = match errors.next() {
            Some(error) => event.with_data(error.as_bytes()),
            None => event.retaining(|field| field.name != b"data"),
        };
        shown.extend_from_slice(in_place.raw());
        for error in errors {
            shown.extend_from_slice(Event::message(error.as_bytes()).raw());
        }
    }

    /// The stream ends here: where the next event begins is not known.
    fn give_up(&self, too_long: EventTooLong, shown: &mut BytesMut) {
        self.fail_every_list(&Withheld::TooLong(too_long.limit), shown);
    }

    fn finish(&mut self, rest: Option<Event>, shown: &mut BytesMut) {
        if let Some(event) = rest {
            self.pass(event, shown);
        }
        if self.says_nonsense && !self.says_something {
            self.fail_every_list(&Withheld::Mislabelled, shown);
        }
    }

    fn fail_every_list(&self, withheld: &Withheld, shown: &mut BytesMut) {
        withheld.log(&self.reference);
        for id in &self.lists {
            let error = Withheld::message(id, &self.reference);
            shown.extend_from_slice(Event::message(error.as_bytes()).raw());
        }
    }
}
