//! The memory of verified tokens out of its settings, for every front door.

use super::{
    SettingReader, table,
    values::{number, seconds},
};
use crate::{
    TokenCacheSettings,
    token_cache::{BYTES, LONGEST_TTL, TOKENS},
};

/// Reads how many verified tokens a resource remembers, and for how long. `None` when there are mistakes, which
/// the reader was told.
pub fn token_cache_from(reader: &mut impl SettingReader) -> Option<TokenCacheSettings> {
    let ttl = reader.value(&table::TOKEN_CACHE_TTL, |text| {
        seconds(text, 0..=LONGEST_TTL.as_secs())
    });
    let max_tokens = reader.value(&table::TOKEN_CACHE_MAX_TOKENS, |text| number(text, TOKENS));
    let max_bytes = reader.value(&table::TOKEN_CACHE_MAX_BYTES, |text| number(text, BYTES));
    Some(TokenCacheSettings {
        ttl: ttl?,
        max_tokens: max_tokens?,
        max_bytes: max_bytes?,
    })
}
