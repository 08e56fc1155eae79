//! Lines on their way out of the process. Whoever has a line to say leaves it here and goes on: a thread of its own
//! writes what has gathered, at once when it had nothing to do lately, else within a tenth of a second.
//!
//! Order is kept. Nobody waits for a reader that does not read: when as much waits as may, further lines are dropped,
//! counted, and told of as soon as there is room again. A process that is killed (`SIGKILL`) may take the last tenth
//! of a second with it.

#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits for others at the most.
const LATEST: Duration = Duration::from_millis(100);

/// So many bytes wait for nobody.
const BATCH: usize = 64 * 1024;

/// So many bytes may wait while nobody reads: seconds of a busy gate.
const MOST: usize = 4 * 1024 * 1024;

/// When a reader that is never waited for (a pipe without blocking) is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// Where lines are left. Clones lead to the same place.
#[derive(Debug, Clone)]
pub(super) struct Sink(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Held while lines are copied, never while they are written.
    waiting: Mutex<Waiting>,
    /// Wakes the writer.
    news: Condvar,
    /// Wakes those who want to see lines written.
    written: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Bytes that were ever left here, and those of them that were written.
    left: u64,
    written: u64,
    /// Lines that found no room since lines were taken last.
    dropped: u64,
    /// The writer waits for a first line.
    is_idle: bool,
    /// Somebody waits for what is here.
    is_urgent: bool,
}

/// What the writer took.
struct Taken {
    /// Of [`Waiting::left`].
    until: u64,
    dropped: u64,
}

impl Sink {
    /// Writes to this from now on.
    ///
    /// # Errors
    /// The machine has no thread left.
    pub(super) fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        Self::telling(tell_of_dropped, out)
    }

    fn telling(
        tell: impl Fn(u64) + Send + 'static,
        out: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let sink = Self(Arc::default());
        let shared = Arc::clone(&sink.0);
        thread::Builder::new()
            .name("lines".to_owned())
            .spawn(move || write_all(&shared, Outlet::new(out), tell))?;
        Ok(sink)
    }

    /// Leaves whole lines here.
    fn leave(&self, lines: &[u8]) {
        let mut waiting = self.0.waiting();
        let before = waiting.lines.len();
        let now = before + lines.len();
        if now > MOST {
            waiting.dropped += 1;
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.lines.extend_from_slice(lines);
        waiting.left += lines.len() as u64;
        let is_full = before < BATCH && now >= BATCH;
        let is_awaited = mem::take(&mut waiting.is_idle);
        drop(waiting);
        if is_full || is_awaited {
            self.0.news.notify_one();
        }
    }

    /// Waits until everything that was left here is written; not for longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let mut waiting = self.0.waiting();
        let left = waiting.left;
        waiting.is_urgent = true;
        self.0.news.notify_one();
        let is_under_way = |waiting: &mut Waiting| waiting.written < left;
        drop(
            self.0
                .written
                .wait_timeout_while(waiting, patience, is_under_way),
        );
    }

    /// How many lines found no room, or could not be written.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Write for &Sink {
    /// Takes whole lines only: what comes in one piece stays in one.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.leave(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Sink {
    type Writer = &'w Self;

    fn make_writer(&'w self) -> &'w Self {
        self
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, and then for company until this moment; takes all.
    fn take(&self, lines: &mut Vec<u8>, company_until: Instant) -> Taken {
        let mut waiting = self.waiting();
        waiting.is_idle = true;
        let is_empty = |waiting: &mut Waiting| waiting.lines.is_empty();
        let mut waiting = self
            .news
            .wait_while(waiting, is_empty)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.is_idle = false;
        let rest = company_until.saturating_duration_since(Instant::now());
        let may_wait = |waiting: &mut Waiting| waiting.lines.len() < BATCH && !waiting.is_urgent;
        let (mut waiting, _) = self
            .news
            .wait_timeout_while(waiting, rest, may_wait)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.is_urgent = false;
        mem::swap(&mut waiting.lines, lines);
        Taken {
            until: waiting.left,
            dropped: mem::take(&mut waiting.dropped),
        }
    }

    fn wrote(&self, until: u64) {
        self.waiting().written = until;
        self.written.notify_all();
    }
}

fn tell_of_dropped(dropped: u64) {
    tracing::warn!(target: "oauthgate::logs", dropped, "log lines were dropped: they were not taken as fast as they came");
}

/// The life of the thread. What was lost is told of when the next lines were written.
fn write_all(shared: &Shared, mut out: Outlet<impl Write>, tell: impl Fn(u64)) {
    let mut lines = Vec::new();
    let mut company_until = Instant::now();
    let mut untold = 0;
    loop {
        let taken = shared.take(&mut lines, company_until);
        let lost = out.put(&lines);
        shared.dropped.fetch_add(lost, Ordering::Relaxed);
        shared.wrote(taken.until);
        company_until = Instant::now() + LATEST;
        lines.clear();
        lines.shrink_to(2 * BATCH);
        untold += taken.dropped + lost;
        if lost == 0 && untold > 0 {
            tell(mem::take(&mut untold));
        }
    }
}

/// Where the process ends.
struct Outlet<W> {
    out: W,
    /// Something went wrong within a line.
    is_torn: bool,
}

impl<W: Write> Outlet<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            is_torn: false,
        }
    }

    /// Writes all of it, however long that takes. How many lines could not be written.
    fn put(&mut self, lines: &[u8]) -> u64 {
        if self.is_torn && self.put_all(b"\n").is_ok() {
            self.is_torn = false;
        }
        let Err(rest) = self.put_all(lines) else {
            return 0;
        };
        let is_within_a_line = |before: usize| before > 0 && lines.get(before - 1) != Some(&b'\n');
        self.is_torn |= is_within_a_line(lines.len() - rest.len());
        rest.iter().filter(|byte| **byte == b'\n').count() as u64
    }

    /// What could not be written, if not all could.
    fn put_all<'l>(&mut self, mut rest: &'l [u8]) -> Result<(), &'l [u8]> {
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(rest),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::park_timeout(AGAIN);
                }
                Err(_) => return Err(rest),
            }
        }
        // What the standard library keeps of it is told to the next line.
        let _ = self.out.flush();
        Ok(())
    }
}
