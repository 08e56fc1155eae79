//! A bounded map of short-lived things: codes, tickets, refresh tokens, registered clients.

use std::collections::{HashMap, VecDeque};

/// A map with a capacity; the oldest entry leaves when a new one does not fit. Entries end at their time.
#[derive(Debug)]
pub(crate) struct ExpiringMap<V> {
    entries: HashMap<String, Entry<V>>,
    order: VecDeque<(u64, String)>,
    capacity: usize,
    next_serial: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    expires_at: i64,
    serial: u64,
}

impl<V> ExpiringMap<V> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
            capacity,
            next_serial: 0,
        }
    }

    /// Adds or replaces an entry that lives until `expires_at` (seconds since the epoch).
    pub(crate) fn insert(&mut self, key: String, value: V, expires_at: i64) {
        let serial = self.next_serial;
        self.next_serial += 1;
        self.order.push_back((serial, key.clone()));
        self.entries.insert(
            key,
            Entry {
                value,
                expires_at,
                serial,
            },
        );
        while self.entries.len() > self.capacity {
            self.drop_oldest();
        }
        if self.order.len() > 2 * self.capacity {
            self.forget_stale_lines();
        }
    }

    /// Drops what the oldest line of the order names, unless that entry has been replaced since.
    fn drop_oldest(&mut self) {
        let Some((serial, key)) = self.order.pop_front() else {
            return;
        };
        if self
            .entries
            .get(&key)
            .is_some_and(|entry| entry.serial == serial)
        {
            self.entries.remove(&key);
        }
    }

    /// Entries taken or replaced leave their line in the order behind.
    fn forget_stale_lines(&mut self) {
        let entries = &self.entries;
        self.order.retain(|(serial, key)| {
            entries
                .get(key)
                .is_some_and(|entry| entry.serial == *serial)
        });
    }

    pub(crate) fn find(&self, key: &str, now: i64) -> Option<&V> {
        self.entries
            .get(key)
            .filter(|entry| now < entry.expires_at)
            .map(|entry| &entry.value)
    }

    pub(crate) fn find_mut(&mut self, key: &str, now: i64) -> Option<&mut V> {
        self.entries
            .get_mut(key)
            .filter(|entry| now < entry.expires_at)
            .map(|entry| &mut entry.value)
    }

    /// Takes an entry out; an expired one counts as absent.
    pub(crate) fn take(&mut self, key: &str, now: i64) -> Option<V> {
        self.entries
            .remove(key)
            .filter(|entry| now < entry.expires_at)
            .map(|entry| entry.value)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_bounded_whatever_is_inserted() {
        let mut map = ExpiringMap::with_capacity(10);
        for n in 0..1000 {
            map.insert(format!("key {}", n % 17), n, 100);
            assert!(map.entries.len() <= 10 && map.order.len() <= 20);
        }
        assert_eq!(map.find(&format!("key {}", 999 % 17), 0), Some(&999));
    }

    #[test]
    fn taking_and_inserting_forever_does_not_grow_the_order() {
        let mut map = ExpiringMap::with_capacity(10);
        for n in 0..1000 {
            map.insert(format!("key {n}"), n, 100);
            map.take(&format!("key {n}"), 0);
        }
        assert!(map.order.len() <= 20);
    }

    #[test]
    fn a_lasting_entry_survives_the_coming_and_going_of_others() {
        let mut map = ExpiringMap::with_capacity(10);
        map.insert("lasting".to_owned(), 0, 100);
        for n in 0..1000 {
            map.insert(format!("key {n}"), n, 100);
            map.take(&format!("key {n}"), 0);
        }
        assert_eq!(map.find("lasting", 0), Some(&0));
    }

    #[test]
    fn an_expired_entry_is_absent() {
        let mut map = ExpiringMap::with_capacity(10);
        map.insert("key".to_owned(), 1, 100);
        assert_eq!(map.find("key", 99), Some(&1));
        assert_eq!(map.find("key", 100), None);
        assert_eq!(map.find_mut("key", 100), None);
        assert_eq!(map.take("key", 100), None);
    }

    #[test]
    fn the_oldest_leaves_first() {
        let mut map = ExpiringMap::with_capacity(2);
        for key in ["a", "b", "c"] {
            map.insert(key.to_owned(), (), 100);
        }
        assert!(
            map.find("a", 0).is_none() && map.find("b", 0).is_some() && map.find("c", 0).is_some()
        );
    }
}
