//! How much is remembered of tokens, and for how long.

use std::{ops::RangeInclusive, time::Duration};

use oauthgate_core::SettingError;

use crate::error::Mistake;

/// How many tokens may be asked for.
pub(crate) const TOKENS: RangeInclusive<u64> = 1..=1_000_000;
/// The least and the most bytes: one long token fits into the first.
pub(crate) const BYTES: RangeInclusive<u64> = 1024 * 1024..=16 * 1024 * 1024 * 1024;
/// The longest that a verdict is repeated. Whoever counts refused tokens takes the holder of one that was good
/// within half an hour for no stranger, and hears of it only when it is verified.
pub(crate) const LONGEST_TTL: Duration = Duration::from_secs(15 * 60);

/// How many verified tokens one resource remembers, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCacheSettings {
    /// How many tokens; `OAUTHGATE_TOKEN_CACHE_MAX_TOKENS`, 20,000 by default.
    pub max_tokens: u64,
    /// How many bytes tokens and their callers may take, as estimated; `OAUTHGATE_TOKEN_CACHE_MAX_BYTES`, 128 MiB by
    /// default.
    pub max_bytes: u64,
    /// How long a token goes by one verification, and never beyond its own end; `OAUTHGATE_TOKEN_CACHE_TTL`, 300 s
    /// by default. With zero nothing is remembered.
    pub ttl: Duration,
}

impl Default for TokenCacheSettings {
    fn default() -> Self {
        Self {
            max_tokens: 20_000,
            max_bytes: 128 * 1024 * 1024,
            ttl: Duration::from_secs(300),
        }
    }
}

impl TokenCacheSettings {
    /// Remembers nothing: every token is verified every time.
    #[must_use]
    pub fn off() -> Self {
        Self {
            ttl: Duration::ZERO,
            ..Self::default()
        }
    }

    /// What is wrong with these settings, if anything.
    pub(crate) fn mistakes(&self) -> impl Iterator<Item = Mistake> {
        let figures = [
            (
                "token_cache_max_tokens",
                TOKENS.contains(&self.max_tokens),
                "1 to 1000000 tokens; a life of 0 remembers none",
            ),
            (
                "token_cache_max_bytes",
                BYTES.contains(&self.max_bytes),
                "1 MiB to 16 GiB; a life of 0 remembers nothing",
            ),
            (
                "token_cache_ttl",
                self.ttl <= LONGEST_TTL,
                "0 seconds to 15 minutes",
            ),
        ];
        figures
            .into_iter()
            .filter_map(|(setting, is_fine, expected)| {
                let error = SettingError::new("the memory of tokens is out of range", expected);
                (!is_fine).then(|| Mistake::new(setting, None, error))
            })
    }
}
