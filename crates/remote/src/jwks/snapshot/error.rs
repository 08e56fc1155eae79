//! Why a snapshot cannot be used or was not saved.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::jwks::Withdrawals;

/// Why a snapshot cannot be used or was not saved: which file, what is wrong, what to do. Never fatal: the
/// keys come from the issuer then. Carries no part of the snapshot's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotError {
    code: &'static str,
    subject: &'static str,
    path: Option<PathBuf>,
    problem: String,
    advice: &'static str,
    salvaged: Box<Withdrawals>,
}

/// A new snapshot takes the place of a bad one by itself.
const HARMLESS: &str =
    "nothing has to be done: the keys are fetched from the issuer and saved anew";
const SUSPICIOUS: &str =
    "find out who writes there; the keys are fetched from the issuer meanwhile";
const BUSY: &str = "snapshot_busy";

impl SnapshotError {
    fn new(code: &'static str, problem: impl Into<String>, advice: &'static str) -> Self {
        Self {
            code,
            subject: "the key snapshot",
            path: None,
            problem: problem.into(),
            advice,
            salvaged: Box::default(),
        }
    }

    /// The place cannot be read or written: for keepers of other kinds.
    #[must_use]
    pub fn unavailable(problem: impl Into<String>) -> Self {
        Self::new("snapshot_unavailable", problem, HARMLESS)
    }

    pub(crate) fn not_a_snapshot() -> Self {
        Self::new("snapshot_unknown", "it is no key snapshot", SUSPICIOUS)
    }

    pub(crate) fn other_version() -> Self {
        let problem = "another version of this program wrote it";
        Self::new("snapshot_version", problem, HARMLESS)
    }

    pub(crate) fn other_seal(expected: &str) -> Self {
        let problem = format!("it is not sealed with {expected}");
        Self::new("snapshot_seal", problem, SUSPICIOUS)
    }

    pub(crate) fn damaged(problem: impl fmt::Display) -> Self {
        let problem = format!("it is damaged, or somebody else changed it: {problem}");
        Self::new("snapshot_damaged", problem, SUSPICIOUS)
    }

    pub(crate) fn too_large() -> Self {
        let problem = "it is longer than 1 MiB";
        Self::new("snapshot_too_large", problem, SUSPICIOUS)
    }

    pub(crate) fn foreign(problem: impl Into<String>) -> Self {
        Self::new("snapshot_foreign", problem, SUSPICIOUS)
    }

    pub(crate) fn from_the_future(ahead_in_seconds: i64) -> Self {
        let problem =
            format!("its keys were confirmed {ahead_in_seconds} s in the future of this clock");
        let advice =
            "set the clock of this machine; the keys are fetched from the issuer meanwhile";
        Self::new("snapshot_from_the_future", problem, advice)
    }

    /// Another process is saving, and does not come to an end.
    pub(crate) fn busy(problem: impl Into<String>, advice: &'static str) -> Self {
        Self::new(BUSY, problem, advice)
    }

    /// Whether somebody or something does not come to an end.
    pub(crate) fn is_busy(&self) -> bool {
        self.code == BUSY
    }

    /// What lies there is not as this program leaves it.
    pub(crate) fn untrusted(problem: impl Into<String>, advice: &'static str) -> Self {
        Self::new("snapshot_untrusted", problem, advice)
    }

    /// The place cannot be read or written.
    pub(crate) fn storage(
        what: impl fmt::Display,
        error: &io::Error,
        advice: &'static str,
    ) -> Self {
        Self::new("snapshot_storage", format!("{what}: {error}"), advice)
    }

    #[must_use]
    pub(crate) fn at(mut self, path: &Path) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// About the directory, and not about one snapshot.
    #[must_use]
    pub(crate) fn at_directory(mut self, path: &Path) -> Self {
        self.subject = "the directory of key snapshots";
        self.at(path)
    }

    #[must_use]
    pub(crate) fn with_advice(mut self, advice: &'static str) -> Self {
        self.advice = advice;
        self
    }

    #[must_use]
    pub(crate) fn with_salvaged(mut self, withdrawals: Withdrawals) -> Self {
        self.salvaged = Box::new(withdrawals);
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The file or directory, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        self.advice
    }

    /// Withdrawals that hold although the rest cannot be used. Whoever ignores them gives withdrawn keys
    /// back.
    #[must_use]
    pub fn salvaged(&self) -> &Withdrawals {
        &self.salvaged
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.subject)?;
        if let Some(path) = &self.path {
            write!(f, " {}", path.display())?;
        }
        write!(f, ": {}; {}", self.problem, self.advice)
    }
}

impl std::error::Error for SnapshotError {}
