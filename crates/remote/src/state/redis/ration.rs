//! How much a server may say: so much for each question. What nobody asked for would be kept until its end
//! comes, and who pretends to be Redis need not let it end.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::AbortHandle,
};

use crate::jwks::KeySnapshot;

/// What greetings and refusals need.
const AT_FIRST: usize = 64 * 1024;
/// What the protocol puts around an answer, and refusals in its place.
const FOR_EACH: usize = 4 * 1024;
/// What is not used up is not saved for ever.
const AT_MOST: usize = 32 * (KeySnapshot::MAX_LENGTH + AT_FIRST);

/// The bytes that a server may still say.
#[derive(Debug, Clone)]
pub(super) struct Ration(Arc<AtomicUsize>);

impl Ration {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(AT_FIRST)))
    }

    /// A question was asked whose answer may be this long.
    pub(super) fn add(&self, longest: usize) {
        let more = longest.saturating_add(FOR_EACH);
        self.change(|left| Some(left.saturating_add(more).min(AT_MOST)));
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        if self.change(|left| left.checked_sub(bytes)) {
            return Ok(());
        }
        let problem = "the server says more than it was asked for";
        Err(io::Error::new(io::ErrorKind::InvalidData, problem))
    }

    fn change(&self, change: impl FnMut(usize) -> Option<usize>) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change)
            .is_ok()
    }
}

/// A stream that ends when its ration is used up.
#[derive(Debug)]
pub(super) struct Rationed<S> {
    pub(super) stream: S,
    pub(super) ration: Ration,
}

impl<S: AsyncRead + Unpin> AsyncRead for Rationed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().len().saturating_sub(before);
        Poll::Ready(self.ration.spend(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rationed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The task that moves a connection's bytes, until this is dropped: by itself it would wait for answers that
/// never come.
#[derive(Debug)]
pub(super) struct Driver(pub(super) AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
