//! Text out of a file, or from stdin.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::Failure;

/// Nothing that a command reads has a business being larger.
const LARGEST: u64 = 8 * 1024 * 1024;

/// The text of a file; `-` is stdin.
///
/// # Errors
/// When it cannot be read, is larger than 8 MiB, or is not UTF-8.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let read = match path.to_str() {
        Some("-") => bounded(io::stdin().lock()),
        _ => File::open(path).and_then(bounded),
    };
    read.map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))
}

fn bounded(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    reader.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than 8 MiB",
        ));
    }
    Ok(text)
}
