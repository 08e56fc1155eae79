//! Secrets out of files, as orchestrators mount them.

use std::path::Path;

use oauthgate_remote::env::secret_file;

use super::given::{Given, Mistakes, Words};

/// The value that stands in a file, less one line feed at its end. The report of a mistake shows nothing
/// of it.
pub(super) fn out_of_file(given: Given, path: &Path, mistakes: &mut Mistakes) -> Option<Given> {
    match secret_file(path) {
        Ok(text) => Some(Given {
            words: Words::One(text),
            is_secret: true,
            ..given
        }),
        Err(error) => {
            mistakes.add(
                given.label(),
                Some(&path.to_string_lossy()),
                error.problem,
                error.expected,
            );
            None
        }
    }
}
