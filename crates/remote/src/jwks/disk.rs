//! Snapshots in a directory of our own: `OAUTHGATE_STATE_DIRECTORY`.
//!
//! Two kinds of files: one with the keys of an issuer and place, one with the withdrawals of an issuer,
//! which hold wherever its keys come from. The keys of a crashed or late writer do not matter; a withdrawal
//! must not get lost. So a save adds to the saved withdrawals under a lock, and never takes one away.
//!
//! A file is written whole beside its place, made durable, and moved there: a reader finds the old one or
//! the new one. What is read must be a regular file that belongs to us and that nobody else can write.

mod files;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use oauthgate_core::{Issuer, UnixTime};

use super::{KeySnapshot, Seal, SnapshotError, SnapshotKeeper, SnapshotKeys, Withdrawals};
use crate::clock::{Clock, SystemClock};

/// A save waits for another process to finish its own: 500 times 10 ms.
const LOCK_ATTEMPTS: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// How long a disk may take: one that hangs must not keep an operator waiting, nor a first fetch.
const DISK_TIME: Duration = Duration::from_secs(10);
/// Stands for the place of withdrawals; a URL holds no blank.
const EVERY_PLACE: &str = "every place";

/// Keeps snapshots in one directory, which several processes may share.
///
/// ```
/// use std::sync::Arc;
///
/// use oauthgate_remote::{
///     core::Issuer,
///     jwks::{KeySnapshot, SnapshotDirectory, SnapshotKeeper},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let parent = tempfile::tempdir()?;
/// # let path = parent.path().join("oauthgate");
/// let directory = SnapshotDirectory::open(&path)?;
/// let issuer = Issuer::new("https://auth.example.com/")?;
/// assert_eq!(directory.load(&issuer, "metadata").await?, None);
/// directory.save(KeySnapshot::new(issuer.clone(), "metadata")).await?;
/// assert!(directory.load(&issuer, "metadata").await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SnapshotDirectory {
    path: Arc<Path>,
    clock: Arc<dyn Clock>,
    /// Savers of this process queue here, and not on threads.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl SnapshotDirectory {
    /// Uses a directory, which is created with mode 0700 if it is missing. Touches the disk: meant for the
    /// start of a program.
    ///
    /// # Errors
    /// When it cannot be used: it is no directory, belongs to somebody else, others can write to it, or we
    /// cannot.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, SnapshotError> {
        Self::open_with_clock(path, Arc::new(SystemClock::new()))
    }

    /// The same with another clock, which says what is in the future.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_clock(
        path: impl Into<PathBuf>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SnapshotError> {
        let path: PathBuf = path.into();
        files::create_directory(&path)?;
        files::check_directory(&path)?;
        // Nobody else writes while we hold the lock, so what is half written then is left over.
        if let Some(_lock) = files::try_lock(&path)? {
            files::remove_leftovers(&path)?;
            files::check_writing(&path)?;
        }
        Ok(Self {
            path: path.into(),
            clock,
            turn: Arc::default(),
        })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A secret that outlives the process: what is kept under this name, or `fresh` from now on. Touches the
    /// disk, and waits for other processes: meant for the start of a program. Whoever starts first makes the secret of all.
    ///
    /// # Errors
    /// When it can be neither read nor written, or somebody else could have read or written it.
    pub fn keep_secret(&self, name: &str, fresh: &str) -> Result<String, SnapshotError> {
        let file = self.path.join(format!("{name}.secret"));
        if let Some(kept) = files::read_secret(&file)? {
            return Ok(kept);
        }
        let _lock = self.lock_blocking()?;
        if let Some(kept) = files::read_secret(&file)? {
            return Ok(kept);
        }
        files::replace(&file, fresh.as_bytes())?;
        Ok(fresh.to_owned())
    }

    async fn load_both(
        &self,
        issuer: Issuer,
        place: String,
    ) -> Result<Option<KeySnapshot>, SnapshotError> {
        let (path, now) = (Arc::clone(&self.path), self.clock.now());
        blocking(move || load(&path, &issuer, &place, now)).await
    }

    async fn save_both(&self, snapshot: KeySnapshot) -> Result<(), SnapshotError> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let lock = self.lock().await?;
        let (path, now) = (Arc::clone(&self.path), self.clock.now());
        // The turn and the lock go along: who stops waiting does not stop the save.
        blocking(move || {
            let saved = save(&path, snapshot, now);
            drop((lock, turn));
            saved
        })
        .await
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, SnapshotError>>,
    ) -> Result<T, SnapshotError> {
        let in_time = tokio::time::timeout(DISK_TIME, work).await;
        in_time.unwrap_or_else(|_| {
            let advice = "look after its file system, or let OAUTHGATE_STATE_DIRECTORY name a directory on another one";
            Err(SnapshotError::busy("its disk took longer than 10 s", advice).at_directory(&self.path))
        })
    }

    async fn lock(&self) -> Result<File, SnapshotError> {
        for _ in 0..LOCK_ATTEMPTS {
            let path = Arc::clone(&self.path);
            if let Some(lock) = blocking(move || files::try_lock(&path)).await? {
                return Ok(lock);
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Err(self.locked())
    }

    fn lock_blocking(&self) -> Result<File, SnapshotError> {
        for _ in 0..LOCK_ATTEMPTS {
            if let Some(lock) = files::try_lock(&self.path)? {
                return Ok(lock);
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "a program that starts serves nobody yet"
            )]
            std::thread::sleep(LOCK_PAUSE);
        }
        Err(self.locked())
    }

    fn locked(&self) -> SnapshotError {
        SnapshotError::busy(
            "another process has been holding its lock for 5 s",
            "end the process that hangs, or give each its own OAUTHGATE_STATE_DIRECTORY",
        )
        .at(&files::lock_file(&self.path))
    }
}

impl SnapshotKeeper for SnapshotDirectory {
    fn load<'a>(
        &'a self,
        issuer: &'a Issuer,
        place: &'a str,
    ) -> BoxFuture<'a, Result<Option<KeySnapshot>, SnapshotError>> {
        self.in_time(self.load_both(issuer.clone(), place.to_owned()))
            .boxed()
    }

    fn save(&self, snapshot: KeySnapshot) -> BoxFuture<'_, Result<(), SnapshotError>> {
        self.in_time(self.save_both(snapshot)).boxed()
    }
}

/// Disks block, and the runtime's own threads must not.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(SnapshotError::unavailable("the runtime is shutting down")),
    }
}

/// The file of an issuer and place.
fn keys_file(directory: &Path, issuer: &Issuer, place: &str) -> PathBuf {
    let named = format!("{}\n{place}", issuer.as_str());
    let name = Seal::digest().mark("file of keys", named.as_bytes());
    directory.join(format!("{name}.keys"))
}

fn withdrawals_file(directory: &Path, issuer: &Issuer) -> PathBuf {
    let name = Seal::digest().mark("file of withdrawals", issuer.as_str().as_bytes());
    directory.join(format!("{name}.withdrawals"))
}

fn load(
    directory: &Path,
    issuer: &Issuer,
    place: &str,
    now: UnixTime,
) -> Result<Option<KeySnapshot>, SnapshotError> {
    let withdrawals = load_withdrawals(directory, issuer, now);
    let known = withdrawals.as_ref().cloned().unwrap_or_default();
    let keys = read(&keys_file(directory, issuer, place), issuer, place, now);
    let keys = keys.map_err(|error| error.with_salvaged(known.clone()))?;
    // Whoever does not know what is withdrawn must not use saved keys, one of which may be.
    let known = withdrawals?;
    Ok(match keys {
        None if known.is_empty() => None,
        None => Some(KeySnapshot::new(issuer.clone(), place).with_withdrawals(known)),
        Some(saved) => Some(saved.with_withdrawals(known)),
    })
}

fn load_withdrawals(
    directory: &Path,
    issuer: &Issuer,
    now: UnixTime,
) -> Result<Withdrawals, SnapshotError> {
    let file = withdrawals_file(directory, issuer);
    let saved = read(&file, issuer, EVERY_PLACE, now).map_err(|error| {
        error.with_advice("remove it, and withdraw again what was withdrawn: until then nothing of this issuer is loaded and no withdrawal saved")
    })?;
    Ok(saved.map(|saved| saved.withdrawals).unwrap_or_default())
}

fn read(
    file: &Path,
    issuer: &Issuer,
    place: &str,
    now: UnixTime,
) -> Result<Option<KeySnapshot>, SnapshotError> {
    let Some(bytes) = files::read(file)? else {
        return Ok(None);
    };
    KeySnapshot::from_bytes(&bytes, &Seal::digest())
        .and_then(|snapshot| snapshot.fit_for(issuer, place, now))
        .map(Some)
        .map_err(|error| error.at(file))
}

/// The withdrawals first: a crash in between leaves old keys, of which withdrawn ones stay barred.
fn save(directory: &Path, mut snapshot: KeySnapshot, now: UnixTime) -> Result<(), SnapshotError> {
    let withdrawals = std::mem::take(&mut snapshot.withdrawals);
    let withdrawn = save_withdrawals(directory, &snapshot.issuer, &withdrawals, now);
    let file = keys_file(directory, &snapshot.issuer, &snapshot.place);
    if let Some(saved) = saved_keys(&file, &snapshot, &withdrawals, now)
        && is_newer(&saved, snapshot.keys.as_ref())
    {
        snapshot.keys = Some(saved);
    }
    write(&file, &snapshot)?;
    withdrawn
}

/// Whoever holds no keys, because none were ever loaded or all are withdrawn, or older ones, because the
/// issuer is away for this process only, does not take away what another one saved.
fn is_newer(saved: &SnapshotKeys, ours: Option<&SnapshotKeys>) -> bool {
    ours.is_none_or(|ours| saved.confirmed_at() > ours.confirmed_at())
}

/// What was saved, less what is withdrawn. What cannot be read is no loss.
fn saved_keys(
    file: &Path,
    snapshot: &KeySnapshot,
    withdrawals: &Withdrawals,
    now: UnixTime,
) -> Option<SnapshotKeys> {
    let saved = read(file, &snapshot.issuer, &snapshot.place, now).ok()??;
    saved.keys?.without(|key| withdrawals.bars(key))
}

fn save_withdrawals(
    directory: &Path,
    issuer: &Issuer,
    withdrawals: &Withdrawals,
    now: UnixTime,
) -> Result<(), SnapshotError> {
    if withdrawals.is_empty() {
        return Ok(());
    }
    let mut merged = load_withdrawals(directory, issuer, now)?;
    // Beyond the capacity what is saved stays; the caller's map is as bounded and holds the rest.
    if merged.merge(withdrawals).changed {
        let snapshot = KeySnapshot::new(issuer.clone(), EVERY_PLACE).with_withdrawals(merged);
        write(&withdrawals_file(directory, issuer), &snapshot)?;
    }
    Ok(())
}

fn write(file: &Path, snapshot: &KeySnapshot) -> Result<(), SnapshotError> {
    let bytes = snapshot.to_bytes(&Seal::digest());
    if bytes.len() > KeySnapshot::MAX_LENGTH {
        return Err(SnapshotError::too_large().at(file));
    }
    files::replace(file, &bytes)
}

#[cfg(test)]
mod tests;
