//! Reading a body to its end, and handing the very same bytes on.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use pin_project_lite::pin_project;
use tokio::time::timeout;

pin_project! {
    /// A body as the other side gets it: untouched and streaming, or the bytes that were decided on.
    #[derive(Debug)]
    pub struct InspectedBody<B> {
        #[pin]
        source: Source<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = SourceProjection]
    enum Source<B> {
        Untouched { #[pin] body: B },
        Read { #[pin] body: Full<Bytes> },
    }
}

impl<B> InspectedBody<B> {
    pub(crate) fn untouched(body: B) -> Self {
        Self {
            source: Source::Untouched { body },
        }
    }

    pub(crate) fn read(bytes: Bytes) -> Self {
        Self {
            source: Source::Read {
                body: Full::new(bytes),
            },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for InspectedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().source.project() {
            SourceProjection::Untouched { body } => body.poll_frame(cx),
            SourceProjection::Read { body } => body.poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Untouched { body } => body.is_end_stream(),
            Source::Read { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Untouched { body } => body.size_hint(),
            Source::Read { body } => body.size_hint(),
        }
    }
}

/// Why a body could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadError {
    TooLarge,
    TooSlow,
    Interrupted,
}

/// The whole body, if it is no longer than `limit` bytes. Memory grows with what came, not with what was
/// announced; a body that announces too much is refused before its first byte. Trailers are dropped:
/// they come after the decision.
pub(crate) async fn read<B: Body<Data = Bytes>>(body: B, limit: usize) -> Result<Bytes, ReadError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(ReadError::TooLarge);
    }
    let mut body = pin!(body);
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ReadError::Interrupted)?.into_data() else {
            continue;
        };
        if data.len() > limit - read.len() {
            return Err(ReadError::TooLarge);
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

/// The same, if the whole body is there in time.
pub(crate) async fn read_within<B: Body<Data = Bytes>>(
    body: B,
    limit: usize,
    time: Duration,
) -> Result<Bytes, ReadError> {
    timeout(time, read(body, limit))
        .await
        .map_err(|_| ReadError::TooSlow)?
}
