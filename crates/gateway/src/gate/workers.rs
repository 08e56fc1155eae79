//! The threads that serve connections.
//!
//! A connection stays on one thread from its first byte to its last, and the connections to the upstream that
//! its requests use stay there too: no task moves between cores, nothing is woken across them, and no queue is
//! shared. What is accepted goes to the thread that has the fewest connections.

use std::{
    io,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    net::TcpStream,
    runtime::{Builder, Handle},
};
use tokio_util::sync::CancellationToken;

/// How long a thread waits at its end for a disk or a name server that hangs.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// Where connections are served.
#[derive(Debug, Default)]
pub enum Workers {
    /// On the runtime of whoever accepts them.
    #[default]
    Here,
    /// On threads of their own.
    Threads(Threads),
}

/// Threads that end when this is dropped, with all that is left on them.
#[derive(Debug)]
pub struct Threads {
    workers: Vec<Worker>,
    end: CancellationToken,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    /// So many threads; one for each core that the process may use if nobody says how many.
    ///
    /// # Errors
    /// When the system gives no thread, or nothing to wait on.
    pub fn start(count: Option<NonZeroUsize>) -> io::Result<Self> {
        let count = match count {
            Some(count) => count,
            None => thread::available_parallelism()?,
        };
        let end = CancellationToken::new();
        let workers = (0..count.get()).map(|number| Worker::start(number, end.clone()));
        Ok(Self::Threads(Threads {
            workers: workers.collect::<io::Result<_>>()?,
            end,
        }))
    }

    /// Serves a connection where there are fewest.
    pub(super) fn take<F>(
        &self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        match self {
            Self::Here => drop(tokio::spawn(serve(stream))),
            Self::Threads(threads) => threads.take(stream, serve),
        }
    }
}

impl Threads {
    fn take<F>(&self, stream: TcpStream, serve: impl FnOnce(TcpStream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let fewest = |worker: &&Worker| worker.connections.load(Ordering::Relaxed);
        // What cannot leave the runtime that accepted it is broken, and so closed.
        let (Some(worker), Ok(stream)) =
            (self.workers.iter().min_by_key(fewest), stream.into_std())
        else {
            return;
        };
        let counted = Counted::among(&worker.connections);
        drop(worker.runtime.spawn(async move {
            let _counted = counted;
            match TcpStream::from_std(stream) {
                Ok(stream) => serve(stream).await,
                Err(error) => tracing::debug!(%error, "a connection cannot be watched"),
            }
        }));
    }
}

impl Worker {
    fn start(number: usize, end: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let thread = thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || {
                runtime.block_on(end.cancelled());
                runtime.shutdown_timeout(LAST_BREATH);
            })?;
        Ok(Self {
            runtime: handle,
            connections: Arc::default(),
            thread: Some(thread),
        })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.end.cancel();
        for thread in self
            .workers
            .iter_mut()
            .filter_map(|worker| worker.thread.take())
        {
            // It panicked, or it ended: either way it is no more.
            let _ = thread.join();
        }
    }
}

/// One more connection of a worker, until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn among(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connections))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, thread::ThreadId};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::mpsc,
    };

    use super::*;

    fn two() -> Workers {
        Workers::start(NonZeroUsize::new(2)).unwrap()
    }

    #[tokio::test]
    async fn connections_are_spread_evenly_and_stay_where_they_are() {
        let (workers, listener) = (two(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut clients = Vec::new();
        for number in 0..8_u8 {
            let client = TcpStream::connect(listener.local_addr().unwrap());
            clients.push(client.await.unwrap());
            let (stream, _) = listener.accept().await.unwrap();
            let tell = tell.clone();
            workers.take(stream, move |mut stream| async move {
                for _ in 0..3 {
                    stream.read_u8().await.unwrap();
                    tell.send((number, thread::current().id())).unwrap();
                    stream.write_u8(number).await.unwrap();
                }
                // Until the client goes.
                let _ = stream.read_u8().await;
            });
        }
        for _ in 0..3 {
            for (number, client) in (0..).zip(&mut clients) {
                client.write_u8(0).await.unwrap();
                assert_eq!(client.read_u8().await.unwrap(), number);
            }
        }
        let mut threads: HashMap<ThreadId, Vec<u8>> = HashMap::new();
        for _ in 0..24 {
            let (number, thread) = told.recv().await.unwrap();
            threads.entry(thread).or_default().push(number);
        }
        assert_eq!(threads.len(), 2);
        assert!(!threads.contains_key(&thread::current().id()));
        for mut numbers in threads.into_values() {
            numbers.sort_unstable();
            assert_eq!(numbers.len(), 12);
            assert!(
                numbers.chunks(3).all(|three| three[0] == three[2]),
                "{numbers:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_left_ends_with_the_threads() {
        let (workers, listener) = (two(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        workers.take(stream, |stream| async move {
            let _held = stream;
            std::future::pending::<()>().await;
        });
        client.write_u8(0).await.unwrap();
        tokio::task::spawn_blocking(move || drop(workers))
            .await
            .unwrap();
        assert!(client.read_u8().await.is_err(), "the connection is closed");
    }
}
