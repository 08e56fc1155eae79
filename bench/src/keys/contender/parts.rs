//! Where the contenders are installed, and in which versions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::Kind;

/// What `cargo xtask bench keys` built and installed.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) oauthgate: PathBuf,
    pub(crate) node: PathBuf,
    pub(crate) python: PathBuf,
    /// There is no wheel for every platform.
    pub(crate) envoy: Option<PathBuf>,
}

impl Parts {
    /// Whom there is.
    pub(crate) fn contenders(&self) -> Vec<Kind> {
        let all = Kind::ALL.into_iter();
        all.filter(|kind| *kind != Kind::Envoy || self.envoy.is_some())
            .collect()
    }

    /// As the installed thing itself says it.
    pub(crate) fn version(&self, kind: Kind) -> String {
        let version = match kind {
            Kind::OAuthGate => first_number(&output(&self.oauthgate, &["--version"])),
            Kind::Jose => self.jose_version(),
            Kind::PyJwt => output(&self.python, &["-c", "import jwt; print(jwt.__version__)"]),
            // "…/envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL"
            Kind::Envoy => self.envoy.as_deref().and_then(|envoy| {
                let said = output(envoy, &["--version"])?;
                let (_, build) = said.split_once("version: ")?;
                build.split('/').nth(1).map(str::to_owned)
            }),
        };
        version.unwrap_or_else(|| "of unknown version".to_owned())
    }

    /// The interpreters' own versions.
    pub(crate) fn interpreters(&self) -> String {
        let node = output(&self.node, &["--version"]).unwrap_or_default();
        let python = output(&self.python, &["--version"]).unwrap_or_default();
        format!("Node {node}, {python}")
    }

    pub(super) fn node_server(&self) -> PathBuf {
        contenders().join("node/server.mjs")
    }

    pub(super) fn python_server(&self) -> PathBuf {
        contenders().join("python/server.py")
    }

    pub(super) fn envoy_template(&self) -> PathBuf {
        contenders().join("envoy/envoy.yaml")
    }

    fn jose_version(&self) -> Option<String> {
        let manifest = contenders().join("node/node_modules/jose/package.json");
        let manifest: Value = serde_json::from_slice(&fs::read(manifest).ok()?).ok()?;
        manifest["version"].as_str().map(str::to_owned)
    }
}

fn contenders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contenders")
}

fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

fn first_number(text: &Option<String>) -> Option<String> {
    let mut words = text.as_deref()?.split_whitespace();
    words
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .map(str::to_owned)
}
