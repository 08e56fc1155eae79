//! What is worked out from a context once, however many requests come with it.

use std::{any::Any, fmt, iter::successors, sync::OnceLock};

/// One value of each type that was asked for, in the order in which they were. There are as many as the program
/// has types for it, a handful, so a walk finds one sooner than a hash would.
#[derive(Default)]
pub(super) struct Kept(OnceLock<Box<Link>>);

struct Link {
    value: Box<dyn Any + Send + Sync>,
    next: Kept,
}

impl Link {
    fn value<T: Any>(&self) -> Option<&T> {
        self.value.downcast_ref::<Option<T>>()?.as_ref()
    }
}

impl Kept {
    /// The value of this type, worked out if there is none. Of two who work one out at the same time, one has
    /// its result dropped; nobody waits, so `work_out` may ask for values of other types.
    pub(super) fn value<T: Any + Send + Sync>(&self, work_out: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.links().find_map(Link::value) {
            return value;
        }
        let mut worked_out = Some(work_out());
        let mut place = self;
        loop {
            let link = place.0.get_or_init(|| {
                Box::new(Link {
                    value: Box::new(worked_out.take()),
                    next: Self::default(),
                })
            });
            if let Some(value) = link.value() {
                return value;
            }
            place = &link.next;
        }
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        successors(self.first(), |link| link.next.first())
    }

    fn first(&self) -> Option<&Link> {
        self.0.get().map(AsRef::as_ref)
    }
}

/// How many values there are, and none of them.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} values)", self.links().count())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use super::*;

    #[test]
    fn a_value_is_worked_out_once_for_each_type() {
        let kept = Kept::default();
        assert_eq!(*kept.value(|| 1_u8), 1);
        assert_eq!(kept.value(|| "two".to_owned()), "two");
        assert_eq!(*kept.value(|| 3_u8), 1);
        assert_eq!(kept.value(|| "four".to_owned()), "two");
        assert_eq!(format!("{kept:?}"), "Kept(2 values)");
    }

    #[test]
    fn a_value_may_be_worked_out_from_another() {
        let kept = Kept::default();
        let sum = *kept.value(|| u64::from(*kept.value(|| 2_u8)) + 40);
        assert_eq!(sum, 42);
        assert_eq!(kept.links().count(), 2);
    }

    #[test]
    fn threads_that_meet_see_the_same_value() {
        for _ in 0..200 {
            let (kept, worked_out) = (Kept::default(), AtomicUsize::new(0));
            let (meeting, mut seen) = (Barrier::new(4), Vec::new());
            thread::scope(|scope| {
                let ask = || {
                    meeting.wait();
                    *kept.value(|| worked_out.fetch_add(1, Ordering::Relaxed))
                };
                let threads = [(); 4].map(|()| scope.spawn(ask));
                seen.extend(threads.map(|thread| thread.join().unwrap()));
            });
            assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
            assert_eq!(kept.links().count(), 1);
        }
    }
}
