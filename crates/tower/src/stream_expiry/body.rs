//! A stream of events that ends with its token.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, header};
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use super::{
    Countdown, StreamDeadline, StreamFarewell, is_encoded, is_event_stream,
    leash::{Leash, LetGo},
};
use crate::sse::EventEnds;

/// How much of an unfinished event is held back. Of a longer one the beginning goes out, and a reader
/// forgets it when the stream ends within it.
const HELD: usize = 64 * 1024;

/// The body of a stream of events, until it ends or its token does.
#[derive(Debug)]
pub(crate) struct ExpiringBody<B> {
    // Let go the moment the token's time is over, whether or not the client has read all of it: the
    // service behind is to see at once that nobody listens.
    body: Leash<B>,
    is_over: bool,
    watch: Box<Watch>,
}

/// What is not the service's.
#[derive(Debug)]
struct Watch {
    deadline: StreamDeadline,
    phase: Phase,
    /// Absent where nobody can see where an event ends.
    events: Option<Events>,
    farewell: Option<StreamFarewell>,
    ready: VecDeque<Frame<Bytes>>,
}

#[derive(Debug)]
enum Phase {
    Open(Countdown),
    /// Waits for the end of an event.
    Ending(Pin<Box<Sleep>>),
}

impl<B: Send + 'static> ExpiringBody<B> {
    /// The body of this response, if it is a stream that can outlive its token; the response itself is
    /// told not to announce a length.
    pub(crate) fn take_over(
        deadline: StreamDeadline,
        response: Response<B>,
    ) -> Result<Response<Self>, Response<B>> {
        if !is_event_stream(response.headers()) {
            return Err(response);
        }
        let (mut parts, body) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        let farewell = parts.extensions.remove();
        let body = Self::new(deadline, farewell, &parts.headers, body);
        Ok(Response::from_parts(parts, body))
    }

    fn new(
        deadline: StreamDeadline,
        farewell: Option<StreamFarewell>,
        headers: &HeaderMap,
        body: B,
    ) -> Self {
        let watch = Watch {
            phase: Phase::Open(deadline.countdown()),
            deadline: deadline.clone(),
            events: (!is_encoded(headers)).then(Events::default),
            farewell,
            ready: VecDeque::new(),
        };
        Self {
            body: Leash::new(body, deadline),
            is_over: false,
            watch: Box::new(watch),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ExpiringBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        loop {
            if let Some(frame) = this.watch.ready.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            if this.is_over {
                return Poll::Ready(None);
            }
            if this.watch.poll_end(cx).is_ready() {
                this.end();
                continue;
            }
            match ready!(this.body.poll_frame(cx)) {
                Ok(Some(Ok(frame))) => this.watch.pass(frame),
                Ok(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Ok(None) => {
                    this.watch.release();
                    this.end();
                }
                // Nobody read while there was time.
                Err(LetGo) => {
                    this.watch.end();
                    this.end();
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.watch.holds_nothing() && (self.is_over || self.body.is_end_stream())
    }
}

impl<B> ExpiringBody<B> {
    fn end(&mut self) {
        self.body.let_go();
        self.is_over = true;
    }
}

impl Watch {
    /// Ready when the stream has to end; its last words are among the frames then.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Phase::Open(countdown) = &mut self.phase {
            ready!(Pin::new(countdown).poll(cx));
            self.phase = Phase::Ending(Box::pin(sleep(self.deadline.patience())));
            if let Some(events) = &mut self.events {
                events.wait_for_one();
            }
        }
        let may_end = self.events.as_ref().is_none_or(Events::may_end);
        if let Phase::Ending(patience) = &mut self.phase
            && !may_end
        {
            ready!(patience.as_mut().poll(cx));
        }
        self.end();
        Poll::Ready(())
    }

    fn end(&mut self) {
        if self.events.as_ref().is_some_and(Events::can_be_followed) {
            let words = self.farewell.as_ref();
            let words = words.map_or_else(StreamFarewell::comment, StreamFarewell::last_words);
            self.ready.push_back(Frame::data(words));
        }
        self.events = None;
        self.deadline.report();
    }

    fn pass(&mut self, frame: Frame<Bytes>) {
        match (frame.into_data(), &mut self.events) {
            (Ok(data), Some(events)) => self
                .ready
                .extend(events.pass(data).into_iter().map(Frame::data)),
            (Ok(data), None) => self.ready.push_back(Frame::data(data)),
            (Err(trailers), _) => {
                self.release();
                self.ready.push_back(trailers);
            }
        }
    }

    /// The stream ended by itself: what was held back is all there is.
    fn release(&mut self) {
        if let Some(events) = &mut self.events {
            self.ready.extend(events.release().map(Frame::data));
        }
    }

    fn holds_nothing(&self) -> bool {
        let held = self
            .events
            .as_ref()
            .is_some_and(|events| !events.held.is_empty());
        self.ready.is_empty() && !held
    }
}

/// Lets whole events pass.
#[derive(Debug, Default)]
struct Events {
    ends: EventEnds,
    held: BytesMut,
    /// The beginning of the event under way is out already.
    is_open: bool,
    /// An event ended while that was waited for.
    finished_one: bool,
}

impl Events {
    /// What may go on of what was held back and this.
    fn pass(&mut self, mut data: Bytes) -> Vec<Bytes> {
        let mut out = Vec::new();
        if let Some(end) = self.ends.pass(&data) {
            out.extend(self.release());
            out.push(data.split_to(end));
            self.is_open = false;
            self.finished_one = true;
        }
        self.is_open |= self.held.len() + data.len() > HELD;
        if self.is_open {
            out.extend(self.release());
            out.push(data);
        } else {
            self.held.extend_from_slice(&data);
        }
        out
    }

    fn release(&mut self) -> Option<Bytes> {
        (!self.held.is_empty()).then(|| mem::take(&mut self.held).freeze())
    }

    fn wait_for_one(&mut self) {
        self.finished_one = false;
    }

    /// Whether the stream may end here, because an event just did or none is under way.
    fn may_end(&self) -> bool {
        self.finished_one || (!self.is_open && self.held.is_empty())
    }

    /// Whether what the client has so far are whole events.
    fn can_be_followed(&self) -> bool {
        !self.is_open
    }
}
