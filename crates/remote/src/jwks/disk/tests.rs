use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
};

use rustix::process::geteuid;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    jwks::{SnapshotKeys, WithdrawnName, snapshot::recall},
    testing::TestKey,
};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const METADATA: &str = "metadata";
const ELSEWHERE: &str = "https://auth.example.com/jwks";

/// A clock that stands.
#[derive(Debug)]
struct At(UnixTime);

impl Clock for At {
    fn now(&self) -> UnixTime {
        self.0
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

fn issuer() -> Issuer {
    Issuer::new("https://auth.example.com/").unwrap()
}

fn open(parent: &TempDir) -> SnapshotDirectory {
    open_at(parent, NOW).unwrap()
}

fn open_at(parent: &TempDir, now: UnixTime) -> Result<SnapshotDirectory, SnapshotError> {
    SnapshotDirectory::open_with_clock(parent.path().join("state"), Arc::new(At(now)))
}

fn parent() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn snapshot_of(issuer: Issuer, kid: &str) -> KeySnapshot {
    let document = json!({ "keys": [TestKey::new(kid).jwk()] }).to_string();
    let keys = SnapshotKeys::new(document.as_bytes(), |_| false, NOW).unwrap();
    let mut snapshot = KeySnapshot::new(issuer, METADATA);
    snapshot.keys = Some(keys);
    snapshot
}

fn snapshot(kid: &str) -> KeySnapshot {
    snapshot_of(issuer(), kid)
}

fn withdrawing(kid: &str) -> Withdrawals {
    let mut withdrawals = Withdrawals::new();
    let name = WithdrawnName::key(kid).unwrap();
    withdrawals.withdraw(&name, 1_000).unwrap();
    withdrawals
}

fn bars(withdrawals: &Withdrawals, kid: &str) -> bool {
    withdrawals.is_withdrawn(&WithdrawnName::key(kid).unwrap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn names(directory: &SnapshotDirectory) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn the_keys_file(directory: &SnapshotDirectory) -> PathBuf {
    keys_file(directory.path(), &issuer(), METADATA)
}

async fn load(directory: &SnapshotDirectory) -> Result<Option<KeySnapshot>, SnapshotError> {
    directory.load(&issuer(), METADATA).await
}

/// What a load says after something was done to the file of a saved snapshot that withdraws `x`.
async fn error_after(change: impl FnOnce(&Path)) -> SnapshotError {
    let parent = parent();
    let directory = open(&parent);
    let saved = snapshot("a").with_withdrawals(withdrawing("x"));
    directory.save(saved).await.unwrap();
    let file = the_keys_file(&directory);
    change(&file);
    let error = load(&directory).await.unwrap_err();
    assert_eq!(error.path(), Some(file.as_path()), "{error}");
    assert!(bars(error.salvaged(), "x"), "{error}");
    let (recalled, trouble) = recall(&directory, &issuer(), METADATA).await;
    assert!(recalled.keys.is_none() && bars(&recalled.withdrawals, "x"));
    assert_eq!(trouble.as_ref(), Some(&error));
    error
}

#[tokio::test]
async fn what_was_saved_is_loaded_by_the_next_process() {
    let parent = parent();
    let saved = snapshot("a").with_withdrawals(withdrawing("x"));
    open(&parent).save(saved.clone()).await.unwrap();
    assert_eq!(load(&open(&parent)).await.unwrap(), Some(saved));
}

#[tokio::test]
async fn an_empty_directory_knows_nothing() {
    let parent = parent();
    assert_eq!(load(&open(&parent)).await.unwrap(), None);
}

#[tokio::test]
async fn directory_and_files_are_ours_alone() {
    let parent = parent();
    let directory = open(&parent);
    let saved = snapshot("a").with_withdrawals(withdrawing("x"));
    directory.save(saved).await.unwrap();
    assert_eq!(mode(directory.path()), 0o700);
    let names = names(&directory);
    assert_eq!(names.len(), 3, "{names:?}");
    for name in names {
        assert_eq!(mode(&directory.path().join(&name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn issuers_and_places_do_not_meet() {
    let parent = parent();
    let directory = open(&parent);
    let other = Issuer::new("https://auth.example.com").unwrap();
    let ours = snapshot("a");
    directory.save(ours.clone()).await.unwrap();
    directory
        .save(snapshot_of(other.clone(), "b"))
        .await
        .unwrap();
    assert_eq!(load(&directory).await.unwrap(), Some(ours));
    assert_eq!(directory.load(&issuer(), ELSEWHERE).await.unwrap(), None);
    // Neither name nor place can be moved into the other.
    let shifted = Issuer::new("https://auth.example.com/me").unwrap();
    assert_eq!(directory.load(&shifted, "tadata").await.unwrap(), None);
}

#[tokio::test]
async fn withdrawals_hold_for_every_place_of_the_issuer() {
    let parent = parent();
    let directory = open(&parent);
    let saved = snapshot("a").with_withdrawals(withdrawing("x"));
    directory.save(saved).await.unwrap();
    let loaded = directory.load(&issuer(), ELSEWHERE).await;
    let elsewhere = loaded.unwrap().unwrap();
    assert!(elsewhere.keys.is_none() && bars(&elsewhere.withdrawals, "x"));
}

#[tokio::test]
async fn a_save_without_a_saved_withdrawal_does_not_undo_it() {
    let parent = parent();
    let (one, other) = (open(&parent), open(&parent));
    one.save(snapshot("a").with_withdrawals(withdrawing("x")))
        .await
        .unwrap();
    other
        .save(snapshot("b").with_withdrawals(withdrawing("y")))
        .await
        .unwrap();
    other.save(snapshot("c")).await.unwrap();
    let loaded = load(&one).await.unwrap().unwrap();
    assert!(bars(&loaded.withdrawals, "x") && bars(&loaded.withdrawals, "y"));
    assert_eq!(loaded.keys, snapshot_keys_of(&load(&other).await.unwrap()));
}

#[tokio::test]
async fn a_process_whose_keys_are_older_takes_no_newer_ones_away() {
    let parent = parent();
    let (here, there) = (open(&parent), open(&parent));
    here.save(snapshot("new")).await.unwrap();
    let document = json!({ "keys": [TestKey::new("old").jwk()] }).to_string();
    let an_hour_ago = NOW.saturating_sub(Duration::from_secs(3_600));
    let keys = SnapshotKeys::new(document.as_bytes(), |_| false, an_hour_ago).unwrap();
    let mut older = snapshot("old").with_withdrawals(withdrawing("x"));
    older.keys = Some(keys);
    there.save(older).await.unwrap();
    let loaded = load(&here).await.unwrap().unwrap();
    assert!(bars(&loaded.withdrawals, "x"));
    let keys = loaded.keys.unwrap();
    assert_eq!(keys.confirmed_at(), NOW);
    assert!(String::from_utf8_lossy(keys.document()).contains("new"));
}

fn snapshot_keys_of(snapshot: &Option<KeySnapshot>) -> Option<SnapshotKeys> {
    snapshot.as_ref().and_then(|snapshot| snapshot.keys.clone())
}

#[tokio::test]
async fn a_crash_before_the_move_leaves_the_old_file_and_the_next_start_cleans_up() {
    let parent = parent();
    let directory = open(&parent);
    directory.save(snapshot("a")).await.unwrap();
    let half = the_keys_file(&directory).with_extension("0123456789abcdef.tmp");
    fs::write(&half, "oauthgate-keys 1 sha256 00\n{\"iss").unwrap();
    assert!(load(&directory).await.unwrap().unwrap().keys.is_some());
    assert!(load(&open(&parent)).await.unwrap().is_some());
    assert!(!half.exists());
}

#[tokio::test]
async fn a_start_does_not_disturb_who_is_writing() {
    let parent = parent();
    let directory = open(&parent);
    let lock = files::try_lock(directory.path()).unwrap().unwrap();
    let half = the_keys_file(&directory).with_extension("0123456789abcdef.tmp");
    fs::write(&half, "").unwrap();
    open(&parent);
    assert!(half.exists());
    drop(lock);
    open(&parent);
    assert!(!half.exists());
}

#[tokio::test]
async fn a_truncated_file_is_refused() {
    let error = error_after(|file| {
        let length = fs::metadata(file).unwrap().len();
        fs::File::options()
            .write(true)
            .open(file)
            .unwrap()
            .set_len(length / 2)
            .unwrap();
    });
    assert_eq!(error.await.code(), "snapshot_damaged");
    let error = error_after(|file| fs::write(file, "").unwrap()).await;
    assert_eq!(error.code(), "snapshot_unknown");
}

#[tokio::test]
async fn garbage_and_other_versions_are_refused() {
    let written = |text: &'static str| error_after(move |file| fs::write(file, text).unwrap());
    assert_eq!(
        written("<!doctype html>\n").await.code(),
        "snapshot_unknown"
    );
    assert_eq!(
        written("oauthgate-keys 2 sha256 0\n{}").await.code(),
        "snapshot_version"
    );
    assert_eq!(
        written("oauthgate-keys 1 hmac-sha256 0\n{}").await.code(),
        "snapshot_seal"
    );
}

#[tokio::test]
async fn e9_a_changed_file_is_refused() {
    let error = error_after(|file| {
        let text = fs::read_to_string(file).unwrap();
        fs::write(
            file,
            text.replacen("auth.example.com", "evil.example.com", 1),
        )
        .unwrap();
    });
    assert_eq!(error.await.code(), "snapshot_damaged");
}

#[tokio::test]
async fn e9_a_file_of_another_issuer_in_this_ones_place_is_refused() {
    let parent = parent();
    let directory = open(&parent);
    let other = Issuer::new("https://evil.test/").unwrap();
    directory
        .save(snapshot_of(other.clone(), "a"))
        .await
        .unwrap();
    let theirs = keys_file(directory.path(), &other, METADATA);
    fs::rename(theirs, the_keys_file(&directory)).unwrap();
    let error = load(&directory).await.unwrap_err();
    assert_eq!(error.code(), "snapshot_foreign");
    assert!(error.to_string().contains("https://evil.test/"), "{error}");
}

#[tokio::test]
async fn e9_keys_in_the_place_of_withdrawals_are_refused() {
    let parent = parent();
    let directory = open(&parent);
    directory.save(snapshot("a")).await.unwrap();
    let place = withdrawals_file(directory.path(), &issuer());
    fs::copy(the_keys_file(&directory), &place).unwrap();
    let error = load(&directory).await.unwrap_err();
    assert_eq!(
        (error.code(), error.path()),
        ("snapshot_foreign", Some(place.as_path()))
    );
}

#[tokio::test]
async fn a_file_that_others_can_write_is_refused() {
    for bits in [0o620, 0o602, 0o666, 0o777] {
        let error = error_after(|file| set_mode(file, bits)).await;
        assert_eq!(error.code(), "snapshot_untrusted");
        assert!(
            error.to_string().contains(&format!("mode {bits:04o}")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_that_others_can_read_is_no_secret() {
    let parent = parent();
    let directory = open(&parent);
    directory.save(snapshot("a")).await.unwrap();
    set_mode(&the_keys_file(&directory), 0o644);
    assert!(load(&directory).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_of_another_user_is_refused() {
    let parent = parent();
    let directory = open(&parent);
    directory.save(snapshot("a")).await.unwrap();
    let file = the_keys_file(&directory);
    // Only root can give a file away; everybody else finds one of root's.
    let (found, owner) = if geteuid().is_root() {
        std::os::unix::fs::chown(&file, Some(4_242), None).unwrap();
        (files::read(&file), 4_242)
    } else {
        (files::read(Path::new("/etc/hosts")), 0)
    };
    let error = found.unwrap_err();
    assert_eq!(error.code(), "snapshot_untrusted");
    assert!(
        error
            .to_string()
            .contains(&format!("belongs to user {owner}")),
        "{error}"
    );
}

#[tokio::test]
async fn a_symbolic_link_is_not_followed() {
    let error = error_after(|file| {
        let aside = file.with_extension("aside");
        fs::rename(file, &aside).unwrap();
        symlink(&aside, file).unwrap();
    });
    let error = error.await;
    assert!(error.to_string().contains("symbolic link"), "{error}");
}

#[tokio::test]
async fn what_is_no_file_is_refused_and_does_not_block() {
    let error = error_after(|file| {
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
    });
    assert_eq!(error.await.code(), "snapshot_untrusted");
    let error = error_after(|file| {
        fs::remove_file(file).unwrap();
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, file, kind, mode, 0).unwrap();
    });
    assert_eq!(error.await.code(), "snapshot_untrusted");
}

#[tokio::test]
async fn a_file_that_is_too_long_is_refused() {
    let error = error_after(|file| {
        let length = KeySnapshot::MAX_LENGTH as u64 + 1;
        fs::File::options()
            .write(true)
            .open(file)
            .unwrap()
            .set_len(length)
            .unwrap();
    });
    assert_eq!(error.await.code(), "snapshot_too_large");
}

#[tokio::test]
async fn keys_from_the_future_are_not_used() {
    let parent = parent();
    open(&parent)
        .save(snapshot("a").with_withdrawals(withdrawing("x")))
        .await
        .unwrap();
    let at = |back| UnixTime::from_secs(NOW.as_secs() - back);
    assert!(load(&open_at(&parent, at(60)).unwrap()).await.is_ok());
    let error = load(&open_at(&parent, at(61)).unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "snapshot_from_the_future");
    assert!(bars(error.salvaged(), "x"));
}

#[tokio::test]
async fn saved_keys_are_not_used_while_nobody_knows_which_are_withdrawn() {
    let parent = parent();
    let directory = open(&parent);
    directory
        .save(snapshot("a").with_withdrawals(withdrawing("a")))
        .await
        .unwrap();
    let file = withdrawals_file(directory.path(), &issuer());
    let good = fs::read(&file).unwrap();
    fs::write(&file, "oauthgate-keys 2 sha256 0\n{}").unwrap();
    let error = load(&directory).await.unwrap_err();
    assert_eq!(
        (error.code(), error.path()),
        ("snapshot_version", Some(file.as_path()))
    );
    assert!(error.to_string().contains("withdraw again"), "{error}");
    // Nor is the file overwritten, which another version may still read.
    let saved = directory
        .save(snapshot("b").with_withdrawals(withdrawing("b")))
        .await;
    assert_eq!(saved.unwrap_err().code(), "snapshot_version");
    fs::write(&file, good).unwrap();
    assert!(bars(
        &load(&directory).await.unwrap().unwrap().withdrawals,
        "a"
    ));
}

#[tokio::test]
async fn who_holds_no_keys_takes_none_away_but_the_withdrawn_ones() {
    let parent = parent();
    let directory = open(&parent);
    let document = json!({ "keys": [TestKey::new("a").jwk(), TestKey::new("b").jwk()] });
    let mut both = KeySnapshot::new(issuer(), METADATA);
    let keys = SnapshotKeys::new(document.to_string().as_bytes(), |_| false, NOW);
    both.keys = Some(keys.unwrap());
    directory.save(both.clone()).await.unwrap();
    let nothing = KeySnapshot::new(issuer(), METADATA);
    directory.save(nothing.clone()).await.unwrap();
    assert_eq!(load(&directory).await.unwrap(), Some(both));
    let kids = async |kid: &str| {
        let saved = nothing.clone().with_withdrawals(withdrawing(kid));
        directory.save(saved).await.unwrap();
        let keys = load(&directory).await.unwrap().unwrap().keys;
        keys.map(|keys| String::from_utf8(keys.document().to_vec()).unwrap())
    };
    let left = kids("a").await.unwrap();
    assert!(left.contains("\"kid\":\"b\"") && !left.contains("\"kid\":\"a\""));
    assert_eq!(kids("b").await, None);
}

#[tokio::test]
async fn a_bad_file_is_replaced_by_the_next_save() {
    let parent = parent();
    let directory = open(&parent);
    let file = the_keys_file(&directory);
    symlink("/nowhere", &file).unwrap();
    directory.save(snapshot("a")).await.unwrap();
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
    fs::write(&file, "garbage").unwrap();
    set_mode(&file, 0o666);
    directory.save(snapshot("a")).await.unwrap();
    assert_eq!(mode(&file), 0o600);
    assert!(load(&directory).await.unwrap().is_some());
}

#[tokio::test]
async fn a_directory_that_is_gone_is_an_error_that_says_what_to_do() {
    let parent = parent();
    let directory = open(&parent);
    fs::remove_dir_all(directory.path()).unwrap();
    let error = directory.save(snapshot("a")).await.unwrap_err();
    assert_eq!(error.code(), "snapshot_storage");
    assert!(
        error.to_string().contains("the directory is gone"),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains(directory.path().to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn a_directory_that_is_not_ours_alone_is_refused() {
    let parent = parent();
    let path = parent.path().join("state");
    let refused = || open_at(&parent, NOW).unwrap_err();
    fs::write(&path, "").unwrap();
    assert!(refused().to_string().contains("OAUTHGATE_STATE_DIRECTORY"));
    fs::remove_file(&path).unwrap();
    for bits in [0o770, 0o707, 0o1777] {
        fs::create_dir(&path).unwrap();
        set_mode(&path, bits);
        assert_eq!(refused().code(), "snapshot_untrusted", "{bits:o}");
        fs::remove_dir(&path).unwrap();
    }
}

#[test]
fn a_lock_that_leads_elsewhere_is_not_taken() {
    let parent = parent();
    let directory = open(&parent);
    let lock = files::lock_file(directory.path());
    let elsewhere = parent.path().join("elsewhere");
    fs::remove_file(&lock).unwrap();
    symlink(&elsewhere, &lock).unwrap();
    let error = open_at(&parent, NOW).unwrap_err();
    assert_eq!(
        (error.code(), error.path()),
        ("snapshot_storage", Some(lock.as_path()))
    );
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert!(!elsewhere.exists());
}

#[test]
fn a_directory_below_missing_ones_is_created() {
    let parent = parent();
    let path = parent.path().join("a/b/c");
    SnapshotDirectory::open(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
}

#[test]
fn a_directory_that_cannot_be_created_is_a_mistake_at_the_start() {
    let parent = parent();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let path = file.join("state");
    let error = SnapshotDirectory::open(&path).unwrap_err();
    assert_eq!(
        (error.code(), error.path()),
        ("snapshot_storage", Some(path.as_path()))
    );
    assert!(
        error.to_string().contains("OAUTHGATE_STATE_DIRECTORY"),
        "{error}"
    );
}

#[tokio::test]
async fn a_save_that_fails_leaves_nothing_behind() {
    let parent = parent();
    let directory = open(&parent);
    fs::create_dir(the_keys_file(&directory)).unwrap();
    let before = names(&directory);
    let error = directory.save(snapshot("a")).await.unwrap_err();
    assert_eq!(error.code(), "snapshot_storage");
    assert!(
        error.to_string().contains("a directory is in its place"),
        "{error}"
    );
    assert_eq!(names(&directory), before);
}

#[test]
fn a_full_or_read_only_disk_says_what_to_do() {
    let said =
        |kind: io::ErrorKind| files::failed("x", &kind.into(), Path::new("/state")).to_string();
    assert!(said(io::ErrorKind::StorageFull).contains("/state: x: no storage space; free space"));
    assert!(said(io::ErrorKind::ReadOnlyFilesystem).contains("can be written"));
    assert!(said(io::ErrorKind::PermissionDenied).contains("OAUTHGATE_STATE_DIRECTORY"));
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_hangs_is_reported_after_five_seconds() {
    let parent = parent();
    let directory = open(&parent);
    let _lock = files::try_lock(directory.path()).unwrap().unwrap();
    let error = directory.save(snapshot("a")).await.unwrap_err();
    assert_eq!(error.code(), "snapshot_busy");
    assert!(error.to_string().contains("lock for 5 s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_is_reported_after_ten_seconds() {
    let parent = parent();
    let directory = open(&parent);
    // As a save does whose disk does not answer.
    let _turn = directory.turn.lock().await;
    let started = tokio::time::Instant::now();
    let error = directory.save(snapshot("a")).await.unwrap_err();
    assert_eq!(
        (error.code(), started.elapsed()),
        ("snapshot_busy", DISK_TIME)
    );
    let path = directory.path().to_str().unwrap();
    assert!(
        error
            .to_string()
            .starts_with(&format!("the directory of key snapshots {path}"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_saves_at_once_leave_one_whole_file_and_every_withdrawal() {
    let parent = parent();
    let directories = [open(&parent), open(&parent), open(&parent), open(&parent)];
    let saves = (0..100).map(|number| {
        let directory = directories[number % 4].clone();
        let kid = format!("k{number}");
        let saved = snapshot(&kid).with_withdrawals(withdrawing(&kid));
        tokio::spawn(async move { directory.save(saved).await })
    });
    let saves: Vec<_> = saves.collect();
    for save in saves {
        save.await.unwrap().unwrap();
    }
    let loaded = load(&directories[0]).await.unwrap().unwrap();
    assert!(loaded.keys.is_some());
    assert!((0..100).all(|number| bars(&loaded.withdrawals, &format!("k{number}"))));
    assert_eq!(names(&directories[0]).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_never_finds_half_a_file() {
    let parent = parent();
    let directory = open(&parent);
    directory.save(snapshot("a")).await.unwrap();
    let writer = directory.clone();
    let writing = tokio::spawn(async move {
        for number in 0..50 {
            writer.save(snapshot(&format!("k{number}"))).await.unwrap();
        }
    });
    while !writing.is_finished() {
        assert!(load(&directory).await.unwrap().unwrap().keys.is_some());
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn who_stops_waiting_does_not_stop_the_save() {
    let parent = parent();
    let directory = open(&parent);
    for _ in 0..20 {
        let save = directory.save(snapshot("a"));
        let _ = tokio::time::timeout(Duration::from_micros(300), save).await;
    }
    directory.save(snapshot("b")).await.unwrap();
    assert!(load(&directory).await.unwrap().unwrap().keys.is_some());
    assert_eq!(names(&directory).len(), 2);
}

const KEPT: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_secret_is_made_once_and_nobody_else_can_read_it() {
    let parent = parent();
    assert_eq!(open(&parent).keep_secret("sessions", KEPT).unwrap(), KEPT);
    assert_eq!(
        open(&parent).keep_secret("sessions", "other").unwrap(),
        KEPT
    );
    assert_eq!(open(&parent).keep_secret("more", "other").unwrap(), "other");
    let file = fs::metadata(parent.path().join("state/sessions.secret")).unwrap();
    assert_eq!(file.permissions().mode() & 0o7777, 0o600);
}

#[test]
fn programs_that_start_together_agree_on_one_secret() {
    let parent = parent();
    let _ = open(&parent);
    let secrets: Vec<_> = std::thread::scope(|scope| {
        let start = |number: u8| {
            let parent = &parent;
            scope.spawn(move || {
                let fresh = number.to_string().repeat(32);
                open(parent).keep_secret("sessions", &fresh).unwrap()
            })
        };
        let threads: Vec<_> = (0..8).map(start).collect();
        let ends = threads.into_iter();
        ends.map(|thread| thread.join().unwrap()).collect()
    });
    assert!(
        secrets.iter().all(|secret| *secret == secrets[0]),
        "{secrets:?}"
    );
}

#[test]
fn a_secret_that_others_could_read_or_put_there_is_refused() {
    let parent = parent();
    let directory = open(&parent);
    directory.keep_secret("sessions", KEPT).unwrap();
    let file = parent.path().join("state/sessions.secret");
    for mode in [0o640, 0o604, 0o620, 0o602] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let error = directory.keep_secret("sessions", KEPT).unwrap_err();
        assert_eq!(error.code(), "snapshot_untrusted", "{mode:o}: {error}");
        assert!(!format!("{error:?}").contains(KEPT));
    }
    fs::remove_file(&file).unwrap();
    fs::write(parent.path().join("elsewhere"), KEPT).unwrap();
    symlink(parent.path().join("elsewhere"), &file).unwrap();
    assert!(directory.keep_secret("sessions", KEPT).is_err());
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(directory.keep_secret("sessions", KEPT).is_err());
}
