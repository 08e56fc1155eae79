//! Where a token lies, under keys that this process made.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::OnceLock,
};

use foldhash::{SharedSeed, quality::SeedableRandomState};

/// The keys of one memory. Nobody outside can tell which tokens meet in one place; and since the whole token is
/// compared there, two that meet cost a verification and nothing else. So the hash is one of the fastest instead
/// of one of the strongest.
pub(super) struct Digests {
    place: SeedableRandomState,
    seal: [RandomState; 2],
}

/// The keys are nobody's business.
impl fmt::Debug for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digests(..)")
    }
}

/// 128 bits of SipHash that stand for a token whose text is not kept.
pub(super) type Seal = [u64; 2];

impl Digests {
    /// Keys out of the system's randomness.
    pub(super) fn new() -> Self {
        static SHARED: OnceLock<SharedSeed> = OnceLock::new();
        let random = || RandomState::new().hash_one(0_u8);
        let shared = SHARED.get_or_init(|| SharedSeed::from_u64(random()));
        Self {
            place: SeedableRandomState::with_seed(random(), shared),
            seal: [RandomState::new(), RandomState::new()],
        }
    }

    /// Where the token lies.
    pub(super) fn place(&self, token: &[u8]) -> u64 {
        self.place.hash_one(token)
    }

    /// What tells it from all others at that place.
    pub(super) fn seal(&self, token: &[u8]) -> Seal {
        self.seal.each_ref().map(|key| key.hash_one(token))
    }
}
