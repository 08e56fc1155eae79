//! The cases whose instructions and allocations are counted, so that nobody makes them dearer unnoticed.
//!
//! The binary runs them under callgrind, where `cargo xtask check` compares what it saw with `expected.toml`;
//! `tests/allocations.rs` counts allocations by itself.

mod layer;
mod signature;
#[path = "../../src/token.rs"]
mod token;
mod validation;

use std::fmt;

use token::{Fixture, Kind};

/// How often a case is run and counted.
pub const REPETITIONS: usize = 20;

/// Runs before those that are counted: what is done once, such as the first look at a token, is done then.
const WARM_UP: usize = 5;

/// Something that is done again and again while a gate runs.
pub struct Case {
    name: String,
    work: Box<dyn FnMut()>,
}

impl Case {
    fn new(name: impl Into<String>, work: impl FnMut() + 'static) -> Self {
        Self {
            name: name.into(),
            work: Box::new(work),
        }
    }

    /// Its name in `expected.toml`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs it some times uncounted.
    pub fn warm_up(&mut self) {
        for _ in 0..WARM_UP {
            (self.work)();
        }
    }

    /// Does the work [`REPETITIONS`] times.
    pub fn repeat(&mut self) {
        for _ in 0..REPETITIONS {
            (self.work)();
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

/// All cases, in the order of the file.
///
/// # Panics
/// When one cannot be set up.
#[must_use]
pub fn all() -> Vec<Case> {
    let fixtures = Kind::ALL.map(Fixture::new);
    let of_each = fixtures
        .iter()
        .flat_map(|fixture| [signature::case(fixture), validation::case(fixture)]);
    let layers = layer::cases(&fixtures[0]);
    of_each.chain(layers).collect()
}
