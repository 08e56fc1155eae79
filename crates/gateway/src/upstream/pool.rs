//! Connections to one upstream over HTTP/1.1 without TLS, on each of which one request is under way at a time.
//!
//! Those that are unused lie beside the thread that used them: threads share no lock, and a connection is
//! driven by the runtime that opened it. A connection is used again only once hyper says that it is ready:
//! request and answer are over then, both of them whole.

use std::{
    error::Error,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use http::Uri;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::{Instant, sleep_until};
use tower::{Service, ServiceExt};

use crate::gate::GateBody;

/// Why there is no connection, or no answer on it.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// Where the connections come from, and where they lie while nobody uses them.
#[derive(Debug)]
pub(super) struct Pool {
    upstream: Uri,
    connector: HttpConnector,
    protocol: http1::Builder,
    shelves: Box<[Arc<Shelf>]>,
    idle: Duration,
    /// Unused connections on one shelf.
    most: usize,
}

/// What a thread left to its next requests; others meet here only where there are more of them than cores.
#[derive(Debug, Default)]
struct Shelf(Mutex<Shelved>);

#[derive(Debug, Default)]
struct Shelved {
    /// The latest last, so that the others grow old and go.
    unused: Vec<Unused>,
    is_swept: bool,
}

#[derive(Debug)]
struct Unused {
    sender: SendRequest<GateBody>,
    since: Instant,
}

/// A connection in use. Given back when it is dropped, unless [`Self::abandon`] says otherwise.
#[derive(Debug)]
pub(super) struct Lease {
    /// `None` once no further request may go over it.
    sender: Option<SendRequest<GateBody>>,
    shelf: Arc<Shelf>,
    idle: Duration,
    most: usize,
    /// Whether others used it before.
    pub(super) is_used: bool,
}

impl Pool {
    /// Connections to this address, of which `unused` are kept for so long.
    pub(super) fn new(
        upstream: Uri,
        connector: HttpConnector,
        head_bytes: usize,
        idle: Duration,
        unused: usize,
    ) -> Self {
        let mut protocol = http1::Builder::new();
        protocol.max_buf_size(head_bytes);
        let shelves = thread::available_parallelism().map_or(1, usize::from);
        Self {
            upstream,
            connector,
            protocol,
            shelves: (0..shelves).map(|_| Arc::default()).collect(),
            idle,
            most: unused.div_ceil(shelves),
        }
    }

    /// The connection that was used last, or a new one.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) async fn lease(&self) -> Result<Lease, Failure> {
        let shelf = self.shelf();
        let lent = shelf.take(self.idle);
        let is_used = lent.is_some();
        let sender = match lent {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        Ok(Lease {
            sender: Some(sender),
            shelf: Arc::clone(shelf),
            idle: self.idle,
            most: self.most,
            is_used,
        })
    }

    fn shelf(&self) -> &Arc<Shelf> {
        let shelves = self.shelves.len();
        &self.shelves[NUMBER.with(|number| number % shelves)]
    }

    async fn connect(&self) -> Result<SendRequest<GateBody>, Failure> {
        let mut connector = self.connector.clone();
        let stream = connector.ready().await?.call(self.upstream.clone()).await?;
        let (sender, connection) = self.protocol.handshake(stream).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to the upstream ended badly");
            }
        });
        Ok(sender)
    }
}

thread_local! {
    /// Which thread this is, of those that send requests.
    static NUMBER: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

impl Lease {
    /// Where a request is written; `None` once the connection was abandoned.
    pub(super) fn sender(&mut self) -> Option<&mut SendRequest<GateBody>> {
        self.sender.as_mut()
    }

    /// No further request goes over the connection.
    pub(super) fn abandon(&mut self) {
        self.sender = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let sender = self.sender.take().filter(|sender| !sender.is_closed());
        if let Some(sender) = sender {
            self.shelf.put(sender, self.idle, self.most);
        }
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Shelved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest that is ready and was not unused for so long. What is closed goes on the way.
    fn take(&self, idle: Duration) -> Option<SendRequest<GateBody>> {
        let unused = &mut self.lock().unused;
        let now = Instant::now();
        let mut at = unused.len();
        while let Some(next) = at.checked_sub(1) {
            at = next;
            let Unused { sender, since } = &unused[at];
            let is_over = sender.is_closed() || now.saturating_duration_since(*since) >= idle;
            // One that is not ready is still at the end of its last answer.
            let is_ready = sender.is_ready();
            if is_over || is_ready {
                let sender = unused.remove(at).sender;
                if !is_over {
                    return Some(sender);
                }
            }
        }
        None
    }

    fn put(self: &Arc<Self>, sender: SendRequest<GateBody>, idle: Duration, most: usize) {
        // Without a runtime its connection is gone, too.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        // A runtime that is ending drops what is spawned at once, and the sweep locks the shelf then.
        if self.lay(sender, most) {
            runtime.spawn(Sweep(Arc::clone(self)).until_empty(idle));
        }
    }

    /// Lays a connection down where there is room. Says whether somebody must begin to sweep.
    fn lay(&self, sender: SendRequest<GateBody>, most: usize) -> bool {
        let mut shelved = self.lock();
        if shelved.unused.len() >= most {
            return false;
        }
        let since = Instant::now();
        shelved.unused.push(Unused { sender, since });
        !mem::replace(&mut shelved.is_swept, true)
    }

    /// Drops what was unused for so long; gives when the next one will have been.
    fn sweep(&self, idle: Duration) -> Option<Instant> {
        let unused = &mut self.lock().unused;
        let now = Instant::now();
        let old = unused.partition_point(|one| now.saturating_duration_since(one.since) >= idle);
        drop(unused.drain(..old));
        unused.first().map(|oldest| oldest.since + idle)
    }
}

/// Whoever removes what grows old, while there is anything.
struct Sweep(Arc<Shelf>);

impl Sweep {
    async fn until_empty(self, idle: Duration) {
        loop {
            while let Some(next) = self.0.sweep(idle) {
                sleep_until(next).await;
            }
            let mut shelved = self.0.lock();
            if shelved.unused.is_empty() {
                shelved.is_swept = false;
                return;
            }
        }
    }
}

/// A runtime that ends takes it along; whoever comes next starts another.
impl Drop for Sweep {
    fn drop(&mut self) {
        self.0.lock().is_swept = false;
    }
}

#[cfg(test)]
mod tests;
