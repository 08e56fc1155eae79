//! The beginning of a connection: what was read ahead comes first, or the first bytes are watched.

use std::{
    io::{Error, ErrorKind, IoSlice, Result},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::introduction::{IntroductionError, Introductions};
use crate::proxy::proxy_protocol::{MARK, is_announced, may_announce};

/// How a connection of HTTP/2 begins (RFC 9113 §3.4); no method of HTTP/1.1 does.
const HTTP2: &[u8] = b"PRI *";

/// A stream that fails when it begins with a header nobody expects.
#[derive(Debug)]
pub(super) struct Opening<S> {
    stream: S,
    ahead: Bytes,
    watch: Option<Watch>,
}

/// Looks at the first bytes as long as they may become the mark of a PROXY header.
#[derive(Debug)]
struct Watch {
    introductions: Arc<Introductions>,
    peer: SocketAddr,
    seen: [u8; MARK],
    count: usize,
}

impl<S> Opening<S> {
    /// A connection after its header: these bytes, then what the stream brings.
    pub(super) fn after(stream: S, ahead: Bytes) -> Self {
        Self {
            stream,
            ahead,
            watch: None,
        }
    }

    /// A connection that must not begin with a header.
    pub(super) fn watched(stream: S, introductions: Arc<Introductions>, peer: SocketAddr) -> Self {
        let watch = Watch {
            introductions,
            peer,
            seen: [0; MARK],
            count: 0,
        };
        Self {
            stream,
            ahead: Bytes::new(),
            watch: Some(watch),
        }
    }

    fn arrived(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(watch) = &mut self.watch else {
            return Ok(());
        };
        match watch.sees(bytes) {
            Sight::Open => {}
            Sight::Other => self.watch = None,
            Sight::Header => {
                let error = IntroductionError::Unexpected;
                watch.introductions.refuse(watch.peer, &error);
                return Err(Error::new(ErrorKind::InvalidData, error));
            }
        }
        Ok(())
    }
}

impl Opening<TcpStream> {
    /// Waits for the first bytes, and looks whether they can be HTTP/1.1's only. Where a few bytes do not tell,
    /// the answer is no.
    pub(super) async fn begins_http1(&self) -> bool {
        let mut first = [0; HTTP2.len()];
        let seen = if self.ahead.is_empty() {
            // Who cannot read will hear of it from whoever reads next.
            let count = self.stream.peek(&mut first).await.unwrap_or(0);
            first.get(..count)
        } else {
            self.ahead.get(..self.ahead.len().min(HTTP2.len()))
        };
        seen.is_some_and(|seen| !HTTP2.starts_with(seen))
    }
}

enum Sight {
    Open,
    Other,
    Header,
}

impl Watch {
    fn sees(&mut self, bytes: &[u8]) -> Sight {
        for (place, byte) in self.seen.iter_mut().skip(self.count).zip(bytes) {
            *place = *byte;
        }
        self.count = MARK.min(self.count + bytes.len());
        let seen = &self.seen[..self.count];
        if is_announced(seen) {
            Sight::Header
        } else if may_announce(seen) {
            Sight::Open
        } else {
            Sight::Other
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        if self.ahead.has_remaining() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(count));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let result = self.arrived(&buffer.filled()[before..]);
        if result.is_err() {
            // Whoever reads an error was given nothing.
            buffer.set_filled(before);
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
