//! The entries, in rows that are read without a lock.
//!
//! A look-up follows pointers that nobody waits for, and writes to nothing that another thread reads; so threads
//! that look for one token do not slow each other down. Whoever changes rows does so under one lock, which is rare:
//! a signature was verified before.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, atomic::Ordering},
};

use arc_swap::ArcSwapOption;

use super::{
    Moment, TokenCacheSettings,
    entry::{Entry, Usage},
};

/// How many entries one row may have: whoever found tokens that meet there makes no look-up longer.
const ROW: usize = 8;
/// How many rows are looked through for entries that are over, each time something is put in: all of them within as
/// many times as an eighth of the entries, and without a pause that anybody notices.
const SWEPT: usize = 8;
/// After so many rows of tokens that were all used lately, whatever comes next gives way.
const PATIENCE: usize = 256;

type Row = ArcSwapOption<Entry>;

pub(super) struct Table {
    /// None before the first entry.
    rows: OnceLock<Box<[Row]>>,
    most: TokenCacheSettings,
    usage: Arc<Usage>,
    hands: Mutex<Hands>,
}

/// How much there is, and none of it.
impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:?})", self.usage)
    }
}

/// Where to go on.
#[derive(Debug, Default)]
struct Hands {
    /// With looking for entries that are over.
    sweep: usize,
    /// With making room.
    room: usize,
}

impl Hands {
    fn sweep(&mut self, rows: &[Row], moment: Moment) {
        for _ in 0..SWEPT {
            if let Some(row) = next(&mut self.sweep, rows) {
                retain(row, &mut |entry| !entry.is_over(moment));
            }
        }
    }
}

impl Table {
    pub(super) fn new(most: TokenCacheSettings) -> Self {
        Self {
            rows: OnceLock::new(),
            most,
            usage: Arc::default(),
            hands: Mutex::default(),
        }
    }

    pub(super) fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// What `read` finds in the entry of this token.
    pub(super) fn find<T>(
        &self,
        place: u64,
        token: &[u8],
        read: impl FnOnce(&Entry) -> Option<T>,
    ) -> Option<T> {
        let mut at = row(self.rows.get()?, place)?.load();
        loop {
            let entry = at.as_ref()?;
            if entry.is(place, token) {
                return read(entry);
            }
            let next = entry.next.load();
            at = next;
        }
    }

    /// Puts an entry in the place of the same token's, and makes room for it.
    pub(super) fn put(&self, entry: Entry, moment: Moment) {
        let rows = self.rows.get_or_init(|| self.empty_rows());
        let Some(row) = row(rows, entry.place()) else {
            return;
        };
        let mut hands = self.hands();
        let mut room = ROW - 1;
        retain(row, &mut |other| {
            let stays = room > 0 && !other.is_same_as(&entry) && !other.is_over(moment);
            room -= usize::from(stays);
            stays
        });
        entry.next.store(row.load_full());
        row.store(Some(Arc::new(entry)));
        hands.sweep(rows, moment);
        self.make_room(&mut hands, rows, moment);
    }

    /// Drops every entry that is over.
    pub(super) fn sweep(&self, moment: Moment) {
        for rows in self.rows.get().iter().flat_map(|rows| rows.chunks(256)) {
            let _alone = self.hands();
            for row in rows {
                retain(row, &mut |entry| !entry.is_over(moment));
            }
        }
    }

    /// While there is too much, what was not used since the hand came by gives way; after many rows of tokens that
    /// were, whatever comes next.
    fn make_room(&self, hands: &mut Hands, rows: &[Row], moment: Moment) {
        // Twice around finds everything unused.
        for passed in 0..rows.len().saturating_mul(2) {
            if !self.is_full() {
                return;
            }
            let is_patient = passed < PATIENCE;
            if let Some(row) = next(&mut hands.room, rows) {
                retain(row, &mut |entry| {
                    !entry.is_over(moment) && entry.was_used() && is_patient
                });
            }
        }
    }

    fn is_full(&self) -> bool {
        self.usage.entries.load(Ordering::Relaxed) > self.most.max_tokens
            || self.usage.bytes.load(Ordering::Relaxed) > self.most.max_bytes
    }

    /// As many rows as there may be entries, or up to twice as many.
    fn empty_rows(&self) -> Box<[Row]> {
        let count = self.most.max_tokens.clamp(1, 1 << 20).next_power_of_two();
        (0..count).map(|_| Row::empty()).collect()
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// There is a power of two of them.
fn row(rows: &[Row], place: u64) -> Option<&Row> {
    let last = rows.len().checked_sub(1)?;
    rows.get(place as usize & last)
}

/// The row at the hand, which goes on to the next.
fn next<'r>(hand: &mut usize, rows: &'r [Row]) -> Option<&'r Row> {
    let row = rows.get(*hand).or_else(|| {
        *hand = 0;
        rows.first()
    });
    *hand += 1;
    row
}

/// Unlinks the entries that do not stay. Whoever reads one meanwhile finds the rest of the row behind it.
fn retain(row: &Row, stays: &mut dyn FnMut(&Entry) -> bool) {
    if row.load().is_none() {
        return;
    }
    let mut before: Option<Arc<Entry>> = None;
    let mut at = row.load_full();
    while let Some(entry) = at {
        let next = entry.next.load_full();
        at = next.clone();
        if stays(&entry) {
            before = Some(entry);
        } else {
            before.as_ref().map_or(row, |entry| &entry.next).store(next);
        }
    }
}
