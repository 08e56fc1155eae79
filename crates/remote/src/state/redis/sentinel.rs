//! The master whose address the sentinels know. They are asked at each attempt to connect, all at once,
//! and now and then while there is a connection: a master that was replaced may not notice.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use redis::Value;

use super::{
    place::greeted,
    script,
    terms::Limits,
    trouble::Trouble,
    wire::{Dialer, Question, Wire},
};

/// Longer than any name of a host.
const LONGEST_HOST: usize = 255;

/// A host and a port.
type Found = (String, u16);

/// Who knows the master, and how it is reached.
#[derive(Debug)]
pub(super) struct Sentinels {
    sentinels: Vec<Dialer>,
    name: String,
    /// How the master is reached, whatever its address.
    master: Dialer,
    /// Where the last connection led.
    current: Mutex<Option<Found>>,
}

impl fmt::Display for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "master {}", self.name)?;
        match &*self.current.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((host, port)) => write!(f, " at {}", self.master.address().at(host, *port)),
            None => Ok(()),
        }
    }
}

impl Sentinels {
    pub(super) fn new(sentinels: Vec<Dialer>, name: String, master: Dialer) -> Self {
        Self {
            sentinels,
            name,
            master,
            current: Mutex::default(),
        }
    }

    /// A connection to the first that a sentinel calls the master and that takes writes: sentinels need
    /// not agree while they replace a master.
    pub(super) async fn open(&self, probe: &str, limits: Limits) -> Result<Wire, Trouble> {
        let limit = limits.connect / 2;
        let mut lookups: FuturesUnordered<_> = self.lookups(limit).collect();
        let mut tried: Vec<Found> = Vec::new();
        let mut trouble = Trouble::new("no_sentinel", "there is no sentinel");
        while let Some(found) = lookups.next().await {
            match found {
                Ok(found) if tried.contains(&found) => {}
                Ok(found) => {
                    let dialer = self.master.at(&found.0, found.1);
                    let opened = within(limit, greeted(&dialer, probe, false)).await;
                    match opened {
                        Ok(wire) => {
                            *self.current.lock().unwrap_or_else(PoisonError::into_inner) =
                                Some(found);
                            return Ok(wire);
                        }
                        Err(error) => trouble = error,
                    }
                    tried.push(found);
                }
                // What a master said is more to the point than what a sentinel did not say.
                Err(error) if tried.is_empty() => trouble = error,
                Err(_) => {}
            }
        }
        Err(trouble)
    }

    /// Whether all sentinels that answer name the same master, and it is not the one we know.
    pub(super) async fn name_another(&self, limits: Limits) -> bool {
        let current = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let answers = join_all(self.lookups(limits.connect / 2)).await;
        let mut named = answers.into_iter().filter_map(Result::ok);
        let Some(first) = named.next() else {
            return false;
        };
        current.is_some_and(|current| current != first) && named.all(|other| other == first)
    }

    fn lookups(
        &self,
        limit: Duration,
    ) -> impl Iterator<Item = impl Future<Output = Result<Found, Trouble>>> {
        self.sentinels
            .iter()
            .map(move |sentinel| within(limit, self.look_up(sentinel)))
    }

    async fn look_up(&self, sentinel: &Dialer) -> Result<Found, Trouble> {
        let question = Question {
            command: script::master_address(&self.name),
            longest: LONGEST_HOST,
        };
        match sentinel.open().await?.ask(&question).await? {
            Value::ServerError(error) => Err(Trouble::of(&error.into())),
            Value::Nil => Err(Trouble::new(
                "unknown_master",
                "a sentinel knows no master of this name",
            )),
            Value::Array(parts) => address(&parts).ok_or_else(Trouble::nonsense),
            _ => Err(Trouble::nonsense()),
        }
    }
}

async fn within<T>(
    limit: Duration,
    attempt: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    tokio::time::timeout(limit, attempt)
        .await
        .unwrap_or_else(|_| Err(Trouble::slow(limit)))
}

fn address(parts: &[Value]) -> Option<Found> {
    let [Value::BulkString(host), Value::BulkString(port)] = parts else {
        return None;
    };
    let host = std::str::from_utf8(host).ok()?;
    let port: u16 = std::str::from_utf8(port).ok()?.parse().ok()?;
    let is_host = (1..=LONGEST_HOST).contains(&host.len()) && port != 0;
    is_host.then(|| (host.to_owned(), port))
}
