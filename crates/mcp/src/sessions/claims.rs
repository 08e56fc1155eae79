//! Sessions that were opened without a token and taken over by a caller with one.
//!
//! Whoever uses such a session first with a token keeps it. That cannot be read from the id, which the client
//! goes on using, so it is remembered here, for a bounded number of sessions. What is forgotten must not
//! look unclaimed: every id of an anonymous session carries the time when it was opened, sessions are forgotten
//! oldest first, and whatever is as old as a forgotten one and not remembered is gone. The same holds for
//! whatever was opened before this process began, because nobody knows who claimed it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use super::secret::Code;

/// How many claimed sessions are remembered: some 2 MB when full.
const CAPACITY: usize = 20_000;

/// What a session is remembered by: the code in its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenSession {
    /// In seconds since the epoch.
    pub(super) opened_at: u64,
    pub(super) code: Code,
}

/// Who claimed what.
#[derive(Debug)]
pub(super) struct Claims {
    capacity: usize,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    claimants: HashMap<Code, Code>,
    by_age: BTreeSet<(u64, Code)>,
    /// What was opened before and is not remembered is gone.
    horizon: u64,
    /// The latest time that was seen.
    latest: u64,
}

impl Claims {
    /// Of a process that begins at this time.
    pub(super) fn since(start: u64) -> Self {
        Self::with_capacity(start, CAPACITY)
    }

    fn with_capacity(start: u64, capacity: usize) -> Self {
        let memory = Memory {
            claimants: HashMap::new(),
            by_age: BTreeSet::new(),
            horizon: start,
            latest: start,
        };
        Self {
            capacity,
            memory: Mutex::new(memory),
        }
    }

    /// When a session begins that is opened now. It never goes back: not to the times of which everything is gone,
    /// though the clock was set back to them, or sessions of this very second were forgotten.
    pub(super) fn opening(&self, now: u64) -> u64 {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.latest = now.max(memory.latest).max(memory.horizon);
        memory.latest
    }

    /// Whether a caller without a token may use the session: nobody claimed it.
    pub(super) fn is_free(&self, session: OpenSession) -> bool {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        !memory.claimants.contains_key(&session.code) && session.opened_at >= memory.horizon
    }

    /// Whether the session is this caller's, from now on if it was nobody's.
    pub(super) fn claim(&self, session: OpenSession, caller: Code) -> bool {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(claimant) = memory.claimants.get(&session.code) {
            return *claimant == caller;
        }
        if session.opened_at < memory.horizon {
            return false;
        }
        memory.remember(session, caller);
        if memory.claimants.len() > self.capacity {
            memory.forget_oldest();
        }
        // The oldest may be the very one that came in.
        memory.claimants.contains_key(&session.code)
    }
}

impl Memory {
    fn remember(&mut self, session: OpenSession, caller: Code) {
        self.claimants.insert(session.code, caller);
        self.by_age.insert((session.opened_at, session.code));
    }

    fn forget_oldest(&mut self) {
        if let Some((opened_at, code)) = self.by_age.pop_first() {
            self.claimants.remove(&code);
            self.horizon = self.horizon.max(opened_at.saturating_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_000;
    const ADA: u8 = 1;
    const BOB: u8 = 2;

    fn caller(name: u8) -> Code {
        Code::read(&[name; Code::LENGTH]).unwrap()
    }

    fn session(number: u64, opened_at: u64) -> OpenSession {
        let code = Code::read(&u128::from(number).to_be_bytes()).unwrap();
        OpenSession { opened_at, code }
    }

    #[test]
    fn the_first_caller_with_a_token_keeps_the_session() {
        let claims = Claims::since(START);
        let session = session(1, START);
        assert!(claims.is_free(session) && claims.is_free(session));
        assert!(claims.claim(session, caller(ADA)));
        assert!(!claims.claim(session, caller(BOB)));
        assert!(!claims.is_free(session));
        assert!(claims.claim(session, caller(ADA)));
    }

    #[test]
    fn what_was_opened_before_the_process_began_is_gone() {
        let claims = Claims::since(START);
        assert!(!claims.is_free(session(1, START - 1)));
        assert!(!claims.claim(session(1, START - 1), caller(ADA)));
    }

    #[test]
    fn h3_a_full_memory_forgets_the_oldest_and_lets_nobody_claim_it_again() {
        let claims = Claims::since(START);
        let count = CAPACITY as u64 * 2;
        for number in 0..count {
            assert!(claims.claim(session(number, START + number), caller(ADA)));
        }
        let memory = claims.memory.lock().unwrap();
        assert_eq!(memory.claimants.len(), CAPACITY);
        assert_eq!(memory.by_age.len(), CAPACITY);
        drop(memory);
        let (forgotten, kept) = (session(0, START), session(count - 1, START + count - 1));
        assert!(!claims.is_free(forgotten), "it must not look unclaimed");
        assert!(!claims.claim(forgotten, caller(ADA)) && !claims.claim(forgotten, caller(BOB)));
        assert!(claims.claim(kept, caller(ADA)) && !claims.claim(kept, caller(BOB)));
    }

    #[test]
    fn a_session_older_than_all_that_fit_is_refused_at_once() {
        let claims = Claims::with_capacity(START, 2);
        assert!(claims.claim(session(1, START + 10), caller(ADA)));
        assert!(claims.claim(session(2, START + 11), caller(ADA)));
        assert!(!claims.claim(session(3, START + 1), caller(BOB)));
        assert!(!claims.is_free(session(3, START + 1)));
        assert!(claims.claim(session(1, START + 10), caller(ADA)));
    }

    #[test]
    fn what_is_opened_now_is_never_gone_at_once() {
        let claims = Claims::with_capacity(START, 1);
        for number in 0..3 {
            let session = session(number, claims.opening(START - 1));
            assert!(claims.is_free(session) && claims.claim(session, caller(ADA)));
        }
    }

    #[test]
    fn sessions_of_one_second_are_forgotten_together_or_kept() {
        let claims = Claims::with_capacity(START, 2);
        for number in 0..3 {
            claims.claim(session(number, START), caller(ADA));
        }
        let kept = (0..3).filter(|number| claims.claim(session(*number, START), caller(ADA)));
        assert_eq!(kept.count(), 2);
        for number in 0..3 {
            assert!(!claims.claim(session(number, START), caller(BOB)));
        }
    }
}
