//! Secrets out of files, as orchestrators mount them.

use std::{fs::File, io::Read, path::Path};

use oauthgate_core::SettingError;

/// No secret is longer.
const LONGEST: usize = 64 * 1024;

/// The secret that stands in a file, less one line feed at its end.
///
/// # Errors
/// What is wrong with the file. Nothing of its content is told.
pub fn secret_file(path: &Path) -> Result<String, SettingError> {
    read(path).map_err(|problem| {
        SettingError::new(
            problem,
            "the path of a readable file that holds nothing but the value",
        )
    })
}

fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX) + 1;
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(|error| format!("the file cannot be read: {error}"))?;
    if bytes.len() > LONGEST {
        return Err("the file is larger than 64 KiB".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
