//! The settings, from text to typed values.
//!
//! [`crate::OAuth21Provider::from_env`] reads them from the environment; the gateway reads the same
//! settings through its own layers. Both are a [`SettingReader`], and [`issuer_from`] reads an issuer
//! out of either, so the two cannot disagree: a row in [`table`] and a line in `issuer_from` is a
//! setting that every front door has.

mod audience;
mod contradictions;
mod introspection;
mod issuer;
mod lookup;
mod outbound;
mod profile;
mod reader;
mod secret;
mod setting;
pub mod table;
mod token_cache;
mod user_pool;
pub mod values;

pub use issuer::issuer_from;
use lookup::Lookup;
use oauthgate_core::SettingError;
pub(crate) use outbound::all_from;
pub use outbound::{
    NO_PROXY, PROXY, no_proxy_from, outbound_from, outbound_settings_from, proxy_from,
};
pub use reader::{Because, SettingReader, Words, items_of};
pub use secret::secret_file;
pub use setting::{SecretFile, Setting};
pub use token_cache::token_cache_from;

use crate::{ConfigurationError, ProviderSettings};

/// A text that says something: not empty, no blanks around it, no quotes left in by a shell or a
/// Compose file.
///
/// # Errors
/// What is wrong with the text.
pub fn plain(text: &str) -> Result<&str, SettingError> {
    let (problem, expected) = if text.trim().is_empty() {
        (
            "empty: an empty setting is not the same as none",
            "a value, or leave the setting out",
        )
    } else if text.starts_with(['"', '\'']) {
        (
            "the quotes are part of the value",
            "the same without quotes",
        )
    } else if text.trim() != text {
        ("blanks around the value", "the same without them")
    } else if text.contains('\u{fffd}') {
        ("the value is not UTF-8", "the same in UTF-8")
    } else {
        return Ok(text);
    };
    Err(SettingError::new(problem, expected))
}

/// Settings out of the names of [`table`], however they are looked up. Names that are absent get their
/// defaults; every mistake is reported, not only the first.
///
/// # Errors
/// Every mistake at once.
pub fn settings_from(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<ProviderSettings, ConfigurationError> {
    let mut reader = Lookup::new(lookup);
    if !reader.is_given(&table::SERVER_URL) {
        reader.missing(&table::SERVER_URL, table::SERVER_URL.expected.into());
    }
    let resource = reader.value(&table::SERVER_URL, values::resource);
    let servers = reader.values(&table::AUTHORIZATION_SERVERS, values::authorization_server);
    let token_cache = token_cache_from(&mut reader);
    let issuer = issuer_from(&mut reader, resource.as_ref());
    match (resource, issuer) {
        (Some(resource), Some(issuer)) if reader.mistakes.is_empty() => {
            let mut settings = ProviderSettings::new(resource, issuer);
            settings.advertised_servers = servers;
            settings.token_cache = token_cache.unwrap_or_default();
            Ok(settings)
        }
        _ => Err(ConfigurationError {
            mistakes: reader.mistakes,
        }),
    }
}

#[cfg(test)]
#[path = "env_tests.rs"]
mod tests;
