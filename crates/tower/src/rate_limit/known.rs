//! Which tokens were good lately.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use http::{header::AUTHORIZATION, request::Parts};
use oauthgate_core::quota::microseconds;
use quick_cache::sync::Cache;

/// How many tokens are remembered: 100,000 at some 80 bytes each.
pub(super) const MOST_KNOWN: usize = 100_000;

/// How long a token is known after it was verified. From a quarter of that on the next verification renews it.
/// Providers remember their verdict for a quarter at most, and nobody hears of the token meanwhile: so it is known
/// for half an hour at least after it was last good. That may be longer than it lives: when it ends, its holder still
/// comes with it once, and must hear so.
pub(super) const KNOWN_FOR: Duration = Duration::from_secs(60 * 60);

/// A token's place, under a key that this process made. Two tokens that share one share only the budget:
/// both are verified.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest(u64);

impl TokenDigest {
    pub(super) fn bits(self) -> u64 {
        self.0
    }
}

/// What tells tokens apart is nobody's business.
impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// The tokens that were good lately, whatever became of them: not whether they are good now, which only the provider
/// knows ([`oauthgate_remote::AuthProvider::recall`]) and says before anybody asks here.
#[derive(Debug)]
pub(super) struct KnownTokens {
    key: RandomState,
    /// Until when, in microseconds.
    until: Cache<TokenDigest, u64>,
}

impl Default for KnownTokens {
    fn default() -> Self {
        Self {
            key: RandomState::new(),
            until: Cache::new(MOST_KNOWN),
        }
    }
}

impl KnownTokens {
    pub(super) fn digest(&self, token: &[u8]) -> TokenDigest {
        TokenDigest(self.key.hash_one(token))
    }

    /// Whether this token was good lately.
    pub(super) fn holds(&self, token: TokenDigest, now: u64) -> bool {
        self.until.get(&token).is_some_and(|until| now < until)
    }

    /// The token is good. Costs a look-up where that is remembered already.
    pub(super) fn remember(&self, token: TokenDigest, now: u64) {
        let life = microseconds(KNOWN_FOR);
        let is_fresh = |until: u64| until > now.saturating_add(life - life / 4);
        if !self.until.get(&token).is_some_and(is_fresh) {
            self.until.insert(token, now.saturating_add(life));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.until.len()
    }
}

/// The bytes of the token, where there is one: what follows the scheme. Not checked, so as to cost nothing;
/// whoever asks knows that a provider read the request.
pub(super) fn token_of(parts: &Parts) -> Option<&[u8]> {
    let credentials = parts.headers.get(AUTHORIZATION)?.as_bytes();
    let scheme_end = credentials.iter().position(|byte| *byte == b' ')?;
    Some(credentials.get(scheme_end..)?.trim_ascii_start())
}
