//! A connection whose client must begin to speak, and is waited for while it takes what was written.
//!
//! hyper limits how long a request's head may take, but only once it knows which protocol is spoken. A
//! client that sends nothing, or half of the HTTP/2 preface, would hold its connection for ever.

use std::{
    io::{Error, ErrorKind, IoSlice, Result},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::activity::{Activity, Work};

/// The HTTP/2 preface: after as many bytes the protocol is known. No HTTP/1 request is shorter, either.
const PREFACE: usize = 24;

/// A stream that fails when its first bytes take too long.
#[derive(Debug)]
pub(super) struct Patience<S> {
    stream: S,
    /// Boxed, because hyper wants a stream that may move; gone once the first bytes are there.
    deadline: Option<Pin<Box<Sleep>>>,
    missing: usize,
    activity: Activity,
    /// While the client has not taken what was written.
    writing: Option<Work>,
}

impl<S> Patience<S> {
    /// Waits so long for the first bytes.
    pub(super) fn new(stream: S, patience: Duration, activity: Activity) -> Self {
        Self {
            stream,
            deadline: Some(Box::pin(sleep(patience))),
            missing: PREFACE,
            activity,
            writing: None,
        }
    }

    fn written<T>(&mut self, result: Poll<T>) -> Poll<T> {
        if result.is_ready() {
            self.writing = None;
        } else if self.writing.is_none() {
            self.writing = Some(self.activity.begin());
        }
        result
    }

    fn arrived(&mut self, bytes: usize) {
        self.missing = self.missing.saturating_sub(bytes);
        if self.missing == 0 {
            self.deadline = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let out_of_patience = match &mut self.deadline {
            None => return Pin::new(&mut self.stream).poll_read(cx, buffer),
            Some(deadline) => deadline.as_mut().poll(cx).is_ready(),
        };
        if out_of_patience {
            return Poll::Ready(Err(Error::new(
                ErrorKind::TimedOut,
                "the client sent no request",
            )));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.arrived(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buffer);
        self.written(result)
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
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_left_alone_and_a_slow_one_too() {
        for first in [&b""[..], b"PRI * HTTP"] {
            let (mut client, server) = duplex(64);
            client.write_all(first).await.unwrap();
            let mut patient = Patience::new(server, Duration::from_secs(30), Activity::default());
            let error = patient.read_exact(&mut [0; PREFACE]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_spoke_may_be_silent_for_long() {
        let (mut client, server) = duplex(64);
        let mut patient = Patience::new(server, Duration::from_secs(30), Activity::default());
        client.write_all(&[b'x'; PREFACE]).await.unwrap();
        patient.read_exact(&mut [0; PREFACE]).await.unwrap();
        let late = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            client.write_all(b"y").await.unwrap();
        });
        assert_eq!(patient.read_u8().await.unwrap(), b'y');
        late.await.unwrap();
    }
}
