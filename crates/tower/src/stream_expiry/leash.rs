//! The service's body, while it may be read.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::{task::AbortHandle, time::sleep};

use super::StreamDeadline;

type Place<B> = Mutex<Option<Pin<Box<B>>>>;
type NextFrame<B> = Option<Result<Frame<Bytes>, <B as Body>::Error>>;

/// A body that is dropped when its time is over, whoever reads it or not: a client that stopped reading is
/// polled for nothing, and its service would go on for as long as the client likes.
pub(super) struct Leash<B> {
    place: Arc<Place<B>>,
    task: AbortHandle,
}

/// The body's time is over, and it is gone.
#[derive(Debug)]
pub(super) struct LetGo;

impl<B: Send + 'static> Leash<B> {
    pub(super) fn new(body: B, deadline: StreamDeadline) -> Self {
        let place = Arc::new(Mutex::new(Some(Box::pin(body))));
        let watched = Arc::clone(&place);
        let task = tokio::spawn(async move {
            deadline.countdown().await;
            sleep(deadline.patience()).await;
            if let_go(&watched) {
                deadline.report();
            }
        });
        Self {
            place,
            task: task.abort_handle(),
        }
    }
}

impl<B> Leash<B> {
    pub(super) fn let_go(&self) {
        self.task.abort();
        let_go(&self.place);
    }
}

impl<B: Body<Data = Bytes>> Leash<B> {
    /// What comes next, while there is a body.
    pub(super) fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Result<NextFrame<B>, LetGo>> {
        match lock(&self.place).as_mut() {
            Some(body) => body.as_mut().poll_frame(cx).map(Ok),
            None => Poll::Ready(Err(LetGo)),
        }
    }

    /// Whether the body ended by itself.
    pub(super) fn is_end_stream(&self) -> bool {
        let body = lock(&self.place);
        body.as_ref().is_some_and(Body::is_end_stream)
    }
}

/// The task may hold on to the body for a while after it was told to end.
impl<B> Drop for Leash<B> {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl<B> fmt::Debug for Leash<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leash").finish_non_exhaustive()
    }
}

/// Whether it was still held.
fn let_go<B>(place: &Place<B>) -> bool {
    // Dropped after the lock: a body may do anything then.
    let body = lock(place).take();
    body.is_some()
}

/// A body that panicked is polled by nobody again.
fn lock<B>(place: &Place<B>) -> MutexGuard<'_, Option<Pin<Box<B>>>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
