//! Who has how much under way.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// So that callers who are served at the same time seldom wait for each other.
const SHARDS: usize = 32;
/// Below this a table is not worth shrinking.
const SMALL: usize = 64;

/// The places that are taken, by whose they are. Cheap to clone; clones count together.
///
/// Only keys with a place are remembered, and the tables shrink when callers leave.
pub struct Places<K>(Arc<Tables<K>>);

struct Tables<K> {
    hasher: RandomState,
    shards: [Mutex<HashMap<K, usize>>; SHARDS],
}

/// A place that somebody has, until it is dropped.
#[must_use = "a place is given back when it is dropped"]
pub struct Place<K: Eq + Hash> {
    key: K,
    tables: Arc<Tables<K>>,
}

impl<K> Default for Places<K> {
    /// Nobody is there.
    fn default() -> Self {
        Self(Arc::new(Tables {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }))
    }
}

impl<K: Eq + Hash + Clone> Places<K> {
    /// A further place for this key, unless it has as many as it may have.
    pub fn try_enter(&self, key: K, most: usize) -> Option<Place<K>> {
        {
            let mut taken = self.0.shard_of(&key);
            match taken.get_mut(&key) {
                Some(count) if *count >= most => return None,
                Some(count) => *count += 1,
                None if most == 0 => return None,
                None => {
                    taken.insert(key.clone(), 1);
                }
            }
        }
        Some(Place {
            key,
            tables: Arc::clone(&self.0),
        })
    }
}

impl<K: Eq + Hash> Places<K> {
    /// How many places this key has.
    #[must_use]
    pub fn taken(&self, key: &K) -> usize {
        self.0.shard_of(key).get(key).copied().unwrap_or_default()
    }

    /// How many keys have a place.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.0.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// How many keys there is memory for.
    #[cfg(test)]
    fn capacity(&self) -> usize {
        let shards = self.0.shards.iter();
        shards.map(|shard| lock(shard).capacity()).sum()
    }
}

impl<K: Eq + Hash> Tables<K> {
    fn shard_of(&self, key: &K) -> MutexGuard<'_, HashMap<K, usize>> {
        let [first, ..] = &self.shards;
        let hash = self.hasher.hash_one(key);
        let position = usize::try_from(hash % SHARDS as u64).unwrap_or_default();
        lock(self.shards.get(position).unwrap_or(first))
    }

    fn leave(&self, key: &K) {
        let mut taken = self.shard_of(key);
        match taken.get_mut(key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(key)),
        }
        if taken.capacity() > SMALL && taken.len() < taken.capacity() / 4 {
            let room = taken.len() * 2;
            taken.shrink_to(room);
        }
    }
}

/// A panic elsewhere leaves the counts as they were.
fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        self.tables.leave(&self.key);
    }
}

impl<K> Clone for Places<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Eq + Hash> fmt::Debug for Places<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("keys", &self.keys())
            .finish_non_exhaustive()
    }
}

/// Whose it is stays out of logs.
impl<K: Eq + Hash> fmt::Debug for Place<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let places = Places::default();
        let first = places.try_enter("a", 1);
        assert!(first.is_some());
        assert!(places.try_enter("a", 1).is_none());
        assert!(places.try_enter("b", 1).is_some(), "others have their own");
        drop(first);
        assert!(places.try_enter("a", 1).is_some());
    }

    #[test]
    fn where_nobody_may_enter_nobody_is_remembered() {
        let places = Places::default();
        assert!(places.try_enter("a", 0).is_none());
        assert_eq!(places.keys(), 0);
    }

    #[test]
    fn h3_memory_is_bounded_by_what_is_under_way() {
        let places = Places::default();
        for key in 0..1_000_000_u32 {
            drop(places.try_enter(key, 1));
        }
        assert_eq!(places.keys(), 0);
        assert!(places.capacity() <= SHARDS * SMALL);
        let held: Vec<_> = (0..100_000_u32)
            .map(|key| places.try_enter(key, 1))
            .collect();
        assert_eq!(places.keys(), held.len());
        drop(held);
        assert_eq!(places.keys(), 0);
        let left = places.capacity();
        assert!(left <= SHARDS * SMALL * 2, "room for {left} is kept");
    }

    #[test]
    fn a_panic_gives_the_place_back() {
        let places = Places::default();
        let inside = places.clone();
        let panicked = std::thread::spawn(move || {
            let _place = inside.try_enter(1, 1);
            panic!("the service failed");
        });
        assert!(panicked.join().is_err());
        assert_eq!(places.taken(&1), 0);
    }

    #[test]
    fn threads_never_take_more_than_there_are() {
        const MOST: usize = 3;
        let (places, inside) = (Places::default(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        let Some(place) = places.try_enter(1, MOST) else {
                            continue;
                        };
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        assert!(now <= MOST, "{now} at a time");
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(place);
                    }
                });
            }
        });
        assert_eq!((places.taken(&1), places.keys()), (0, 0));
    }

    proptest! {
        /// Against the plainest telling: a list of who is inside.
        #[test]
        fn places_are_given_while_there_are_any_and_all_come_back(
            steps in prop::collection::vec((0_u8..4, 0_usize..4, any::<prop::sample::Index>(), any::<bool>()), 1..200),
        ) {
            let places = Places::default();
            let mut inside: Vec<(u8, Place<u8>)> = Vec::new();
            for (key, most, which, leaves) in steps {
                if leaves && !inside.is_empty() {
                    drop(inside.swap_remove(which.index(inside.len())));
                    continue;
                }
                let before = inside.iter().filter(|(other, _)| *other == key).count();
                let place = places.try_enter(key, most);
                prop_assert_eq!(place.is_some(), before < most);
                inside.extend(place.map(|place| (key, place)));
                for key in 0..4 {
                    let expected = inside.iter().filter(|(other, _)| *other == key).count();
                    prop_assert_eq!(places.taken(&key), expected);
                }
            }
            drop(inside);
            prop_assert_eq!(places.keys(), 0);
        }
    }
}
