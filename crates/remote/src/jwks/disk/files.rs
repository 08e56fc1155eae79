//! Files that appear whole or not at all, and are read only when nobody else could have written them.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError},
    hash::{BuildHasher, RandomState},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, io::Errno, process::geteuid};

use crate::jwks::{KeySnapshot, SnapshotError};

const LOCK: &str = "lock";
const HALF_WRITTEN: &str = "tmp";
/// Only we may read and write.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
/// Group and world may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Group and world may do anything.
const FOR_OTHERS: u32 = 0o077;
const LONGEST_SECRET: u64 = 4096;
const NEW_SECRET: &str = "remove it and find out who changed it: a new secret is made, and whatever was protected with the old one ends";

const ANOTHER_PLACE: &str = "let OAUTHGATE_STATE_DIRECTORY name a directory of its own, for example a subdirectory that does not exist yet";

type Done<T> = Result<T, SnapshotError>;

/// Creates the directory, and those above it, unless it is there.
pub(super) fn create_directory(path: &Path) -> Done<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path)
        .map_err(|error| {
            if error.kind() == ErrorKind::AlreadyExists {
                return no_directory(path);
            }
            let advice = "let OAUTHGATE_STATE_DIRECTORY name a directory that the user of this program owns or can create";
            SnapshotError::storage("cannot create it", &error, advice).at_directory(path)
        })
}

/// Whether the directory is ours alone.
pub(super) fn check_directory(path: &Path) -> Done<()> {
    let metadata =
        fs::metadata(path).map_err(|error| failed("cannot look at the directory", &error, path))?;
    if !metadata.is_dir() {
        return Err(no_directory(path));
    }
    check_owner_and_mode(&metadata, ANOTHER_PLACE).map_err(|error| error.at_directory(path))
}

fn no_directory(path: &Path) -> SnapshotError {
    SnapshotError::untrusted("it is no directory", ANOTHER_PLACE).at_directory(path)
}

fn check_owner_and_mode(metadata: &Metadata, advice: &'static str) -> Done<()> {
    let (owner, ours) = (metadata.uid(), geteuid().as_raw());
    if owner != ours {
        let problem = format!("it belongs to user {owner}, and this program runs as user {ours}");
        return Err(SnapshotError::untrusted(problem, advice));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & WRITABLE_BY_OTHERS != 0 {
        let problem = format!("others can write to it (mode {mode:04o})");
        return Err(SnapshotError::untrusted(problem, advice));
    }
    Ok(())
}

/// Whether files can be made and moved there, before the first one has to be.
pub(super) fn check_writing(directory: &Path) -> Done<()> {
    HalfWritten::create(&directory.join("check"))
        .and_then(|mut file| file.write(b""))
        .map_err(|error| error.at_directory(directory))
}

/// The file that says who is writing, locked until it is dropped; `None` while another one is.
pub(super) fn try_lock(directory: &Path) -> Done<Option<File>> {
    let path = lock_file(directory);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .custom_flags(careful())
        .open(&path)
        .map_err(|error| failed("cannot open it", &error, &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed("cannot lock it", &error, &path)),
    }
}

pub(super) fn lock_file(directory: &Path) -> PathBuf {
    directory.join(LOCK)
}

/// Removes what writers that are gone left half written. Only for the holder of the lock.
pub(super) fn remove_leftovers(directory: &Path) -> Done<()> {
    let cannot = |error| failed("cannot list it", &error, directory).at_directory(directory);
    for entry in fs::read_dir(directory).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path
            .extension()
            .is_some_and(|ending| ending == HALF_WRITTEN)
        {
            remove(&path)?;
        }
    }
    Ok(())
}

/// What is in the file; `None` when there is none.
pub(super) fn read(path: &Path) -> Done<Option<Vec<u8>>> {
    read_checked(path, check_file)
}

/// The text in the file, which nobody but us could have read; `None` when there is none.
pub(super) fn read_secret(path: &Path) -> Done<Option<String>> {
    let bytes = read_checked(path, check_secret)?;
    let text = bytes.map(String::from_utf8).transpose();
    text.map_err(|_| SnapshotError::untrusted("it is no text", NEW_SECRET).at(path))
}

fn read_checked(path: &Path, check: fn(&Metadata) -> Done<()>) -> Done<Option<Vec<u8>>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(careful())
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("cannot open it", &error, path)),
    };
    let metadata = file
        .metadata()
        .map_err(|error| failed("cannot look at it", &error, path))?;
    check(&metadata).map_err(|error| error.at(path))?;
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there is too much, however the file grows meanwhile.
    file.take(KeySnapshot::MAX_LENGTH as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed("cannot read it", &error, path))?;
    Ok(Some(bytes))
}

fn check_secret(metadata: &Metadata) -> Done<()> {
    if !metadata.is_file() {
        return Err(SnapshotError::untrusted(
            "it is no regular file",
            NEW_SECRET,
        ));
    }
    check_owner_and_mode(metadata, NEW_SECRET)?;
    let mode = metadata.mode() & 0o7777;
    if mode & FOR_OTHERS != 0 {
        let problem = format!("others can read the secret in it (mode {mode:04o})");
        return Err(SnapshotError::untrusted(problem, NEW_SECRET));
    }
    if metadata.len() > LONGEST_SECRET {
        return Err(SnapshotError::untrusted(
            "it is too long for a secret",
            NEW_SECRET,
        ));
    }
    Ok(())
}

fn check_file(metadata: &Metadata) -> Done<()> {
    let advice =
        "remove it and find out who put it there; the keys are fetched from the issuer meanwhile";
    if !metadata.is_file() {
        return Err(SnapshotError::untrusted("it is no regular file", advice));
    }
    if metadata.len() > KeySnapshot::MAX_LENGTH as u64 {
        return Err(SnapshotError::too_large());
    }
    check_owner_and_mode(metadata, advice)
}

/// Puts a file with this content in the place of another one, durably.
pub(super) fn replace(path: &Path, content: &[u8]) -> Done<()> {
    let mut file = HalfWritten::create(path)?;
    file.write(content)?;
    file.finish(path)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| {
            failed("cannot make it durable", &error, directory).at_directory(directory)
        })
}

/// A file beside its place, removed unless it gets there.
struct HalfWritten {
    file: File,
    path: PathBuf,
}

impl HalfWritten {
    /// Its name is new, and nobody else could read it even for a moment.
    fn create(place: &Path) -> Done<Self> {
        let number = RandomState::new().hash_one(std::process::id());
        let path = place.with_extension(format!("{number:016x}.{HALF_WRITTEN}"));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(|error| failed("cannot create a file for it", &error, place))?;
        Ok(Self { file, path })
    }

    fn write(&mut self, content: &[u8]) -> Done<()> {
        self.file
            .write_all(content)
            .and_then(|()| self.file.sync_all())
            .map_err(|error| failed("cannot write it", &error, &self.path))
    }

    fn finish(&self, place: &Path) -> Done<()> {
        fs::rename(&self.path, place)
            .map_err(|error| failed("cannot move the new one to its place", &error, place))
    }
}

impl Drop for HalfWritten {
    /// After a successful move there is nothing to remove; nor can anything be done about a failure here.
    fn drop(&mut self) {
        let _ = remove(&self.path);
    }
}

fn remove(path: &Path) -> Done<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(failed("cannot remove it", &error, path))
        }
        _ => Ok(()),
    }
}

/// Neither follows a link that somebody put there, nor waits for the other end of a pipe.
fn careful() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

pub(super) fn failed(what: &str, error: &io::Error, path: &Path) -> SnapshotError {
    let advice = match error.kind() {
        _ if is_link(error) => "it is a symbolic link: remove it and find out who put it there",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free space on its file system",
        ErrorKind::ReadOnlyFilesystem => {
            "mount it so that it can be written, or let OAUTHGATE_STATE_DIRECTORY name another directory"
        }
        ErrorKind::NotFound => "the directory is gone: create it again with mode 0700, or restart",
        ErrorKind::IsADirectory => "a directory is in its place: remove it",
        _ => {
            "let the user of this program own the directory that OAUTHGATE_STATE_DIRECTORY names, with mode 0700"
        }
    };
    SnapshotError::storage(what, error, advice).at(path)
}

fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}
