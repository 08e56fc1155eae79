//! A key set in a file of the operator's, for issuers whose keys cannot be fetched: no metadata is asked.
//!
//! The file is read at start, where anything wrong with it is a mistake in the configuration, and at every
//! refresh. What goes wrong later is an outage like any other: the last good set is kept, and the store says
//! in the log why. Whoever replaces the file writes another one beside it and renames it.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::{JwkSet, SettingError};

use super::{Ask, Fetched, FetchedSet, JwksSource, KeySourceError};

const EXPECTED: &str = "the absolute path of a readable file with the issuer's JWK set, public keys only: {\"keys\":[…]}";
/// A look at a file costs next to nothing, and a replaced one should not have to wait for an hour.
const LIFE: Duration = Duration::from_secs(60);

/// The key set of one issuer, out of a file.
#[derive(Debug)]
pub(crate) struct FileJwksSource {
    path: PathBuf,
}

impl FileJwksSource {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl JwksSource for FileJwksSource {
    fn fetch(&self, _: Ask) -> BoxFuture<'_, Result<Fetched, KeySourceError>> {
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || read(&path));
        async move {
            let read = reading.await.unwrap_or_else(|error| Err(error.to_string()));
            let body = read.map_err(|why| {
                let place = self.path.display();
                KeySourceError::jwks_unavailable(format!("jwks_file {place}: {why}"))
            })?;
            let set = FetchedSet::Document {
                body,
                validator: None,
            };
            Ok(Fetched::now(set, Some(LIFE)))
        }
        .boxed()
    }
}

/// Whether keys can be read from this file now.
///
/// # Errors
/// What is wrong with the path, the file or the set; never a value out of it.
pub(crate) fn check(path: &Path) -> Result<(), SettingError> {
    if !path.is_absolute() {
        return Err(SettingError::new("no absolute path", EXPECTED));
    }
    let body = read(path).map_err(|why| SettingError::new(why, EXPECTED))?;
    let set = JwkSet::parse(&body);
    set.map(drop)
        .map_err(|error| SettingError::new(error.to_string(), EXPECTED))
}

/// The document, if it is a set without a private member.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let body = bytes_of(path)?;
    JwkSet::refuse_private(&body).map_err(|error| error.to_string())?;
    Ok(body)
}

/// Only a regular file is opened: a pipe without a writer would hold the reader for ever.
fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("the file cannot be read: {error}");
    let about = fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err("this is no regular file".to_owned());
    }
    if may_be_written_by_anybody(&about) {
        return Err("every user of this machine may write the file, and so choose whose tokens are taken (chmod o-w)".to_owned());
    }
    let most = u64::try_from(JwkSet::MAX_LENGTH).unwrap_or(u64::MAX);
    let mut body = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut body))
        .map_err(unreadable)?;
    if body.len() > JwkSet::MAX_LENGTH {
        return Err("the file is larger than 512 KiB".to_owned());
    }
    Ok(body)
}

#[cfg(unix)]
fn may_be_written_by_anybody(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    about.mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn may_be_written_by_anybody(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
