//! Running other programs, saying which and what to do when one fails.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What went wrong and what to do next, for a person.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .map_or_else(|| here.to_path_buf(), Path::to_path_buf)
}

/// Where installed parts and their stamps live.
pub(crate) fn parts() -> PathBuf {
    target().join("parts")
}

/// The target directory of this build: the binary of this task lies in `<target>/<profile>`.
pub(crate) fn target() -> PathBuf {
    let me = env::current_exe().ok();
    let found = me.as_deref().and_then(|path| path.ancestors().nth(2));
    found.map_or_else(|| root().join("target"), Path::to_path_buf)
}

/// `cargo` as the user called it, at the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = program("cargo", arguments);
    // These describe this task's own package and would confuse build scripts of others.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_")
            || name == "CARGO_MANIFEST_DIR"
            || name == "CARGO_MANIFEST_PATH"
        {
            command.env_remove(name);
        }
    }
    command
}

/// A program at the root of the workspace.
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// Runs a command with its output shown.
///
/// # Errors
/// When it cannot start or fails; `next_step` says what a person can do then.
pub(crate) fn run(mut command: Command, next_step: &str) -> Outcome {
    let shown = shown(&command);
    anstream::eprintln!("$ {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed ({status}). {next_step}")),
        Err(error) => Err(format!("`{shown}` cannot be started: {error}. {next_step}")),
    }
}

/// The standard output of a command, trimmed; `None` when it cannot start or fails.
pub(crate) fn output(mut command: Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether a program starts and ends well with these arguments.
pub(crate) fn works(name: &str, arguments: &[&str]) -> bool {
    output(program(name, arguments)).is_some()
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
