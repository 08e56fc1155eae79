//! A WebSocket that was let in, until one side leaves or the token that opened it expires.
//!
//! Then the client gets a proper goodbye between two frames, if its server leaves room for one within a
//! second, and the connection ends either way. The server's side is closed at once: what it could be told
//! would have to be masked and said in the client's name.

use std::{
    future::pending,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use oauthgate_tower::StreamDeadline;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy, copy_bidirectional, sink},
    time::timeout,
};

use super::{
    frames::{self, Frames},
    movement::Movement,
};
use crate::telemetry::slow_peers::{SlowPeer, SlowPeers};

/// How long a client may take to hear the goodbye and to say its own.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long nobody need say anything.
#[derive(Debug)]
pub(super) struct Silence {
    pub(super) longest: Option<Duration>,
    pub(super) slow_peers: SlowPeers,
}

impl Silence {
    /// Waits until both sides were silent for too long.
    async fn lasts(&self, movement: &Movement) {
        match self.longest {
            Some(longest) => movement.rests_for(longest).await,
            None => pending().await,
        }
        self.slow_peers.count(SlowPeer::IdleTunnel);
    }
}

/// Joins both sides until either ends, the deadline passes, or both are silent for too long. Silence has no
/// last word: whoever is there still sees the end, as it does when a network fails.
pub(super) async fn join<C, U>(
    client: C,
    mut upstream: U,
    deadline: Option<StreamDeadline>,
    silence: Silence,
) where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut client = Client::new(client);
    let stop = Arc::clone(&client.stop);
    let movement = client.movement.clone();
    {
        let mut copying = pin!(copy_bidirectional(&mut client, &mut upstream));
        tokio::select! {
            result = &mut copying => return tell(&result),
            () = silence.lasts(&movement) => return,
            () = passing(deadline.as_ref()) => {}
        }
        stop.asked.store(true, Ordering::Relaxed);
        if !stop.is_possible.load(Ordering::Relaxed) {
            let patience = deadline
                .as_ref()
                .map_or(Duration::ZERO, StreamDeadline::patience);
            let _ = timeout(patience, copying).await;
        }
    }
    drop(upstream);
    if let Some(deadline) = deadline {
        deadline.report();
    }
    let _ = timeout(GOODBYE, client.leave()).await;
}

async fn passing(deadline: Option<&StreamDeadline>) {
    match deadline {
        Some(deadline) => deadline.countdown().await,
        None => pending().await,
    }
}

fn tell(result: &io::Result<(u64, u64)>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a tunnel ended badly");
    }
}

/// Whether what goes to the client is to stop, and whether it can where it stands.
#[derive(Debug)]
struct Stop {
    asked: AtomicBool,
    is_possible: AtomicBool,
}

/// The client's side. Once that is asked for, it takes no more than the rest of a frame.
struct Client<S> {
    io: S,
    frames: Frames,
    stop: Arc<Stop>,
    /// In either direction.
    movement: Movement,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    fn new(io: S) -> Self {
        let stop = Stop {
            asked: AtomicBool::new(false),
            is_possible: AtomicBool::new(true),
        };
        Self {
            io,
            frames: Frames::default(),
            stop: Arc::new(stop),
            movement: Movement::begin(),
        }
    }

    /// Says goodbye, if that can be understood here, and hears the client out: a connection that is closed
    /// with words unread is reset, and the client might never read ours.
    async fn leave(&mut self) -> io::Result<()> {
        if self.frames.admit_another() {
            let goodbye = frames::close("the access token has expired");
            self.io.write_all(&goodbye).await?;
        }
        self.io.shutdown().await?;
        copy(&mut self.io, &mut sink()).await?;
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Client<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buffer));
        self.movement.moved();
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Client<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut length = bytes.len();
        if self.stop.asked.load(Ordering::Relaxed) {
            length = self.frames.within_frame(length);
            if self.frames.admit_another() {
                return Poll::Ready(Err(io::Error::other("its token has expired")));
            }
        }
        let some = bytes.get(..length).unwrap_or(bytes);
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, some))?;
        let passed = some.get(..written).unwrap_or(some);
        self.frames.pass(passed);
        self.movement.moved();
        let is_possible = self.frames.admit_another();
        self.stop.is_possible.store(is_possible, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, duplex},
        time::{Instant, sleep},
    };

    use super::*;

    const HELLO: &[u8] = b"\x81\x05hello";
    const AGAIN: &[u8] = b"\x81\x05again";

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_tunnel_where_it_is_limited() {
        for (longest, expected) in [(Some(Duration::from_secs(600)), true), (None, false)] {
            let (client, mut far) = duplex(1024);
            let (upstream, mut near) = duplex(1024);
            let silence = Silence {
                longest,
                slow_peers: SlowPeers::default(),
            };
            let begun = Instant::now();
            let joined = tokio::spawn(join(client, upstream, None, silence));
            for _ in 0..3 {
                sleep(Duration::from_secs(500)).await;
                far.write_all(HELLO).await.unwrap();
                near.read_exact(&mut [0; 7]).await.unwrap();
                sleep(Duration::from_secs(500)).await;
                near.write_all(HELLO).await.unwrap();
                far.read_exact(&mut [0; 7]).await.unwrap();
            }
            let ended = timeout(Duration::from_secs(100_000), joined).await;
            assert_eq!(ended.is_ok(), expected);
            if expected {
                assert_eq!(begun.elapsed().as_secs(), 3 * 1000 + 600);
            }
        }
    }

    #[tokio::test]
    async fn a_frame_under_way_may_end_and_none_follows_it() {
        let (io, mut far) = duplex(1024);
        let mut client = Client::new(io);
        let stop = Arc::clone(&client.stop);
        client.write_all(&HELLO[..3]).await.unwrap();
        assert!(!stop.is_possible.load(Ordering::Relaxed));
        stop.asked.store(true, Ordering::Relaxed);
        let rest = [&HELLO[3..], AGAIN].concat();
        client.write_all(&rest).await.unwrap_err();
        assert!(stop.is_possible.load(Ordering::Relaxed));
        drop(client);
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, HELLO);
    }

    #[tokio::test]
    async fn frames_pass_whole_until_somebody_asks_to_stop() {
        let (io, mut far) = duplex(1024);
        let mut client = Client::new(io);
        let both = [HELLO, AGAIN].concat();
        assert_eq!(client.write(&both).await.unwrap(), both.len());
        client.stop.asked.store(true, Ordering::Relaxed);
        client.write(AGAIN).await.unwrap_err();
        drop(client);
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, both);
    }
}
