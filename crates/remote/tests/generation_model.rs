//! Every order in which a verdict about a token, and the withdrawal of the key that it rests on, can meet. The
//! generation is the product's own file; only its primitives are replaced, by those of `loom`.

use generation::Generation;
use loom::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

#[path = "../src/jwks/generation.rs"]
mod generation;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

/// A key store with one key, and a memory of good verdicts with one place.
struct Gate {
    generation: Generation,
    has_key: AtomicBool,
    remembered: Mutex<Option<u64>>,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            generation: Generation::new(),
            has_key: AtomicBool::new(true),
            remembered: Mutex::new(None),
        })
    }

    /// As a request does: the generation, then the key, then the memory.
    fn verify(&self) {
        let generation = self.generation.now();
        if self.has_key.load(Ordering::Relaxed) {
            *self.remembered.lock().unwrap() = Some(generation);
        }
    }

    fn recalls(&self) -> bool {
        *self.remembered.lock().unwrap() == Some(self.generation.now())
    }

    /// As the operator does: the key, then the generation.
    fn withdraw(&self) {
        self.has_key.store(false, Ordering::Relaxed);
        self.generation.advance();
    }
}

#[test]
fn a_verdict_that_a_withdrawal_overtakes_is_never_recalled() {
    loom::model(|| {
        let gate = Gate::new();
        let requests =
            [gate.clone(), gate.clone()].map(|gate| thread::spawn(move || gate.verify()));
        gate.withdraw();
        assert!(!gate.recalls(), "while requests are under way");
        for request in requests {
            request.join().unwrap();
        }
        assert!(!gate.recalls(), "after they ended");
    });
}

#[test]
fn a_verdict_is_recalled_while_nothing_changes() {
    loom::model(|| {
        let gate = Gate::new();
        let request = gate.clone();
        thread::spawn(move || request.verify()).join().unwrap();
        assert!(gate.recalls());
    });
}
