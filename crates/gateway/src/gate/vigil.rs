//! Work that goes on until somebody who keeps watch over it says that it must end.
//!
//! Work is polled whenever something happens to it; whoever keeps watch waits for what next to never comes: a
//! deadline, a drain, an attack. So the watch has a waker of its own, and is polled only when that was woken.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// What the watch wakes.
#[derive(Debug)]
struct Bell {
    rang: AtomicBool,
    /// The task that works.
    worker: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.worker.wake();
    }
}

/// What the work comes to, or else what the watch says; the work is asked first.
pub(super) async fn under_watch<W, V>(work: W, watch: V) -> Result<W::Output, V::Output>
where
    W: Future,
    V: Future,
{
    // So that the watch is begun.
    let bell = Arc::new(Bell {
        rang: AtomicBool::new(true),
        worker: AtomicWaker::new(),
    });
    let waker = Waker::from(Arc::clone(&bell));
    let (mut work, mut watch) = (pin!(work), pin!(watch));
    poll_fn(move |cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        bell.worker.register(cx.waker());
        if !bell.rang.swap(false, Ordering::Acquire) {
            return Poll::Pending;
        }
        watch
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .map(Err)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::atomic::AtomicUsize,
        time::Duration,
    };

    use tokio::{
        sync::oneshot,
        time::{Instant, sleep},
    };

    use super::*;

    /// Has so many turns.
    async fn turns(count: usize) {
        for _ in 0..count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_comes_to_its_end() {
        assert_eq!(under_watch(turns(3), pending::<()>()).await, Ok(()));
        assert_eq!(under_watch(ready(1), ready(2)).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_ends_work() {
        let begun = Instant::now();
        let watch = sleep(Duration::from_secs(5));
        assert_eq!(under_watch(pending::<()>(), watch).await, Err(()));
        assert_eq!(begun.elapsed().as_secs(), 5);
        assert_eq!(under_watch(pending::<()>(), ready(1)).await, Err(1));
    }

    #[tokio::test]
    async fn a_watch_is_heard_from_another_thread() {
        let (ring, rung) = oneshot::channel();
        std::thread::spawn(move || ring.send(7));
        assert_eq!(under_watch(pending::<()>(), rung).await, Err(Ok(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_is_not_asked_whenever_work_goes_on() {
        let asked = AtomicUsize::new(0);
        let mut deadline = pin!(sleep(Duration::from_secs(5)));
        let watch = poll_fn(|cx| {
            asked.fetch_add(1, Ordering::Relaxed);
            deadline.as_mut().poll(cx)
        });
        let work = async {
            turns(1000).await;
            sleep(Duration::from_secs(9)).await;
        };
        assert_eq!(under_watch(work, watch).await, Err(()));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
