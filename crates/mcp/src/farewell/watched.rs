//! A body that is listened to on its way.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Farewell;
use crate::sse::EventReader;

/// The longest event that is looked into. A longer one may be anything, an answer above all.
const LONGEST_EVENT: usize = 64 * 1024;

pin_project! {
    /// The server's bytes as they come. Of a stream that answers a call it is noted whether the answer was
    /// there already.
    #[derive(Debug)]
    pub struct Watched<B> {
        #[pin]
        body: B,
        watch: Option<Watch>,
    }
}

#[derive(Debug)]
struct Watch {
    farewell: Farewell,
    reader: EventReader,
}

impl<B> Watched<B> {
    pub(crate) fn by_nobody(body: B) -> Self {
        Self { body, watch: None }
    }

    pub(super) fn by(farewell: Farewell, body: B) -> Self {
        let watch = Watch {
            farewell,
            reader: EventReader::new(LONGEST_EVENT),
        };
        Self {
            body,
            watch: Some(watch),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if let (Some(Ok(frame)), Some(watch)) = (&frame, this.watch.as_mut())
            && let Some(data) = frame.data_ref()
            && !watch.hear(data)
        {
            *this.watch = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Watch {
    /// Whether there is any use in listening on.
    fn hear(&mut self, data: &[u8]) -> bool {
        self.reader.push(data);
        loop {
            match self.reader.next_event() {
                Ok(Some(event)) => self.farewell.hear(&event),
                Ok(None) => return true,
                Err(_) => {
                    self.farewell.be_silent();
                    return false;
                }
            }
        }
    }
}
