//! A key source without a network: it does what the test says, when the test says it.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::Notify;

use crate::jwks::{Ask, Fetched, FetchedSet, JwksSource, KeySourceError, Validator};

/// One answer: after how long, and what.
pub(crate) type Answer = (Duration, Result<Fetched, KeySourceError>);

/// Answers as scripted; the last answer repeats.
#[derive(Debug, Default)]
pub(crate) struct ScriptedSource {
    answers: Mutex<VecDeque<Answer>>,
    fetches: AtomicU64,
    pub(crate) validators: Mutex<Vec<Option<Validator>>>,
    pub(crate) started: Notify,
}

impl ScriptedSource {
    pub(crate) fn serving(body: Vec<u8>) -> Self {
        let source = Self::default();
        source.then(Duration::ZERO, document(body));
        source
    }

    /// Forgets what was scripted and answers this from now on.
    pub(crate) fn now(&self, body: Vec<u8>) {
        self.now_after(Duration::ZERO, document(body));
    }

    pub(crate) fn now_failing(&self) {
        let error = KeySourceError::jwks_unavailable("scripted");
        self.now_after(Duration::ZERO, Err(error));
    }

    pub(crate) fn now_hanging(&self) {
        let never = Duration::from_secs(1_000_000);
        self.now_after(never, Err(KeySourceError::jwks_unavailable("hung")));
    }

    /// Forgets what was scripted and answers this from now on, each time after so long.
    pub(crate) fn now_after(&self, pause: Duration, answer: Result<Fetched, KeySourceError>) {
        self.answers.lock().unwrap().clear();
        self.then(pause, answer);
    }

    /// Forgets what was scripted and answers this first.
    pub(crate) fn only(&self, after: Duration, answer: Result<Fetched, KeySourceError>) {
        self.answers.lock().unwrap().clear();
        self.then(after, answer);
    }

    pub(crate) fn then(&self, after: Duration, answer: Result<Fetched, KeySourceError>) {
        self.answers.lock().unwrap().push_back((after, answer));
    }

    pub(crate) fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::SeqCst)
    }

    fn next(&self) -> Answer {
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 {
            answers.pop_front().unwrap()
        } else {
            answers.front().unwrap().clone()
        }
    }
}

pub(crate) fn document(body: Vec<u8>) -> Result<Fetched, KeySourceError> {
    let set = FetchedSet::Document {
        body,
        validator: None,
    };
    Ok(Fetched::now(set, None))
}

impl JwksSource for ScriptedSource {
    fn fetch(&self, ask: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.validators.lock().unwrap().push(ask.known);
        self.started.notify_waiters();
        let (after, answer) = self.next();
        async move {
            tokio::time::sleep(after).await;
            answer
        }
        .boxed()
    }
}
