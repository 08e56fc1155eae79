//! A connection on which is seen when a request's head begins, and whose client must take what was written.
//!
//! hyper limits how long a request's head may take, but counts the time between two requests into it, and
//! begins only once it knows which protocol is spoken. It waits for ever for a client that takes nothing.

use std::{
    io::{Error, ErrorKind, IoSlice, Result},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::{
    activity::{Activity, Work},
    pace::{Pace, Purse},
    request_body::LONGEST,
};
use crate::telemetry::slow_peers::{SlowPeer, SlowPeers};

/// What a client of HTTP/2 says first. No request of HTTP/1 is shorter.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that tells what it sees, and fails when its client takes nothing for too long.
#[derive(Debug)]
pub(super) struct Patience<S> {
    stream: S,
    /// How much of [`PREFACE`] came; nothing once something else did.
    preface: Option<usize>,
    activity: Activity,
    purse: Purse,
    /// While the client has not taken what was written.
    writing: Option<Writing>,
    /// How long to hear the client out once everything is said.
    lingering: Option<Pin<Box<Sleep>>>,
    slow_peers: SlowPeers,
}

#[derive(Debug)]
struct Writing {
    _work: Work,
    /// Boxed, because hyper wants a stream that may move.
    deadline: Pin<Box<Sleep>>,
}

impl<S> Patience<S> {
    /// Tells `activity`, and lets the client take what is written at this pace.
    pub(super) fn new(stream: S, pace: Pace, activity: Activity, slow_peers: SlowPeers) -> Self {
        Self {
            stream,
            preface: Some(0),
            activity,
            purse: Purse::new(pace),
            writing: None,
            lingering: None,
            slow_peers,
        }
    }

    /// HTTP/2 limits the time of half a frame by its pings: nothing can answer one in the middle of a head.
    fn arrived(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.preface == Some(PREFACE.len()) {
            return;
        }
        self.preface = self.preface.and_then(|before| {
            let expected = PREFACE.get(before..)?;
            let length = expected.len().min(bytes.len());
            (expected.get(..length) == bytes.get(..length)).then_some(before + length)
        });
        if self.preface == Some(PREFACE.len()) {
            self.activity.end_head();
        } else {
            self.activity.begin_head();
        }
    }

    fn written(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<Result<usize>>,
    ) -> Poll<Result<usize>> {
        match result {
            Poll::Ready(result) => {
                if self.writing.take().is_some() {
                    let bytes = result.as_ref().map_or(0, |bytes| *bytes);
                    self.purse.moved(Instant::now, bytes);
                }
                Poll::Ready(result)
            }
            Poll::Pending => self.waits(cx),
        }
    }

    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let writing = match &mut self.writing {
            Some(writing) => writing,
            None => self.writing.insert(Writing {
                _work: self.activity.begin(),
                deadline: Box::pin(sleep_until(self.purse.wait(Instant::now()))),
            }),
        };
        ready!(writing.deadline.as_mut().poll(cx));
        self.activity.stall();
        self.slow_peers.count(SlowPeer::StalledClient);
        Poll::Ready(Err(Error::new(
            ErrorKind::TimedOut,
            "the client takes nothing of what it asked for",
        )))
    }
}

impl<S: AsyncRead + Unpin> Patience<S> {
    /// A connection that is closed with words unread is reset, and its client might never read our answer
    /// to the request that it is still sending.
    fn hear_out(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = [0; 8 * 1024];
        loop {
            let mut words = ReadBuf::new(&mut buffer);
            let heard = Pin::new(&mut self.stream).poll_read(cx, &mut words);
            let is_over = matches!(heard, Poll::Ready(Err(_)))
                || (heard.is_ready() && words.filled().is_empty());
            let end = self
                .lingering
                .get_or_insert_with(|| Box::pin(sleep(LONGEST)));
            if is_over || end.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            ready!(heard.map(drop));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.arrived(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buffer);
        self.written(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        match self.activity.lingers() {
            true => self.hear_out(cx).map(Ok),
            false => Poll::Ready(Ok(())),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use rstest::rstest;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::timeout,
    };

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn between() -> (DuplexStream, Patience<DuplexStream>, Activity) {
        let (client, server) = duplex(1024);
        let pace = Pace {
            pause: MINUTE,
            rate: NonZeroU32::new(100),
        };
        let activity = Activity::default();
        let patient = Patience::new(server, pace, activity.clone(), SlowPeers::default());
        (client, patient, activity)
    }

    #[rstest]
    #[case::half_a_request("GET / HTTP/1.1\r\nHost: a", true)]
    #[case::one_byte("G", true)]
    #[case::half_a_preface("PRI * HTTP", true)]
    #[case::nearly_a_preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", true)]
    #[case::the_preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false)]
    #[case::the_preface_and_more("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", false)]
    #[tokio::test(start_paused = true)]
    async fn a_head_is_begun_where_one_can_be(#[case] sent: &str, #[case] begun: bool) {
        for piece in [1, 7, 1000] {
            let (mut client, mut patient, activity) = between();
            for bytes in sent.as_bytes().chunks(piece) {
                client.write_all(bytes).await.unwrap();
                patient.read_exact(&mut vec![0; bytes.len()]).await.unwrap();
            }
            let slow = timeout(MINUTE, activity.head_takes(MINUTE / 2)).await;
            assert_eq!(slow.is_ok(), begun, "in pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn pieces_are_written_as_one_where_the_stream_can() {
        let (mut client, mut patient, _) = between();
        assert!(patient.is_write_vectored());
        let pieces = [IoSlice::new(b"HTTP/1.1"), IoSlice::new(b" 200")];
        assert_eq!(patient.write_vectored(&pieces).await.unwrap(), 12);
        let mut taken = [0; 12];
        client.read_exact(&mut taken).await.unwrap();
        assert_eq!(&taken, b"HTTP/1.1 200");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_left() {
        let (client, mut patient, activity) = between();
        let begun = Instant::now();
        let error = patient.write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), MINUTE);
        assert!(activity.begin().is_stalled());
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_byte_now_and_then_is_left() {
        let (mut client, mut patient, _) = between();
        let begun = Instant::now();
        let drip = async {
            loop {
                sleep(Duration::from_secs(29)).await;
                client.read_u8().await.unwrap();
            }
        };
        tokio::select! {
            result = patient.write_all(&[0; 4096]) => result.unwrap_err(),
            () = drip => unreachable!(),
        };
        assert_eq!(begun.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_heard_out_where_it_may_still_be_sending_but_not_for_long() {
        for (lingers, seconds) in [(false, 0), (true, 2)] {
            let (mut client, mut patient, activity) = between();
            if lingers {
                activity.begin().linger();
            }
            let sending = tokio::spawn(async move {
                while client.write_all(&[0; 512]).await.is_ok() {
                    sleep(Duration::from_millis(500)).await;
                }
            });
            let begun = Instant::now();
            patient.shutdown().await.unwrap();
            assert_eq!(begun.elapsed().as_secs(), seconds);
            drop(patient);
            sending.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_leaves_is_not_waited_for() {
        let (client, mut patient, activity) = between();
        activity.begin().linger();
        drop(client);
        let begun = Instant::now();
        patient.shutdown().await.unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_gets_everything() {
        let (mut client, mut patient, activity) = between();
        let bytes = vec![7; 500_000];
        let (writing, expected) = (bytes.clone(), bytes.len());
        let writer = tokio::spawn(async move { patient.write_all(&writing).await });
        let mut taken = Vec::new();
        while taken.len() < expected {
            sleep(Duration::from_secs(9)).await;
            assert!(!activity.begin().is_stalled());
            let mut piece = [0; 1000];
            let count = client.read(&mut piece).await.unwrap();
            taken.extend_from_slice(&piece[..count]);
        }
        writer.await.unwrap().unwrap();
        assert_eq!(taken, bytes);
    }
}
