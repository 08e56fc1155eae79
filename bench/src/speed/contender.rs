//! Who is compared, and how each is started: a process of its own on the server's core.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    child::{Child, Output, free_port},
    cores::Cores,
    issuer::Issuer,
    token::AUDIENCE,
};

/// A contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A plain proxy, which checks nothing; with an access log or without.
    Nginx {
        logs: bool,
    },
    /// Hyper's own parts; with a raw signature check for each request or without.
    Bare {
        verifies: bool,
    },
    HAProxy,
    Envoy,
    /// Our predecessor's class under uvicorn.
    Predecessor,
    OAuthGate {
        logs: bool,
    },
}

/// What was built and installed; who is missing is left out.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) oauthgate: PathBuf,
    pub(crate) bare: PathBuf,
    pub(crate) allocations: PathBuf,
    pub(crate) node: Option<PathBuf>,
    pub(crate) python: Option<PathBuf>,
    pub(crate) nginx: Option<PathBuf>,
    pub(crate) haproxy: Option<PathBuf>,
    pub(crate) envoy: Option<PathBuf>,
}

/// What all contenders have in common.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) cores: Cores,
    pub(crate) parts: Parts,
    pub(crate) issuer: Issuer,
    pub(crate) upstream_port: u16,
}

/// A running contender.
#[derive(Debug)]
pub(crate) struct Server {
    // Before the directory, which the process writes to.
    pub(crate) child: Child,
    pub(crate) port: u16,
    _directory: TempDir,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx { logs: false } => "nginx, plain proxy",
            Self::Nginx { logs: true } => "nginx, plain proxy, with access log",
            Self::Bare { verifies: false } => "hyper, bare proxy",
            Self::Bare { verifies: true } => "hyper, bare proxy, and one raw RS256 check",
            Self::HAProxy => "HAProxy `jwt_verify`",
            Self::Envoy => "Envoy `jwt_authn`, its cache on",
            Self::Predecessor => "our predecessor's class, uvicorn",
            Self::OAuthGate { .. } => "OAuthGate",
        }
    }
}

impl Parts {
    fn program(&self, kind: Kind) -> Option<&Path> {
        match kind {
            Kind::Nginx { .. } => self.nginx.as_deref(),
            Kind::Bare { .. } => Some(&self.bare),
            Kind::HAProxy => self.haproxy.as_deref(),
            Kind::Envoy => self.envoy.as_deref(),
            Kind::Predecessor => self.python.as_deref(),
            Kind::OAuthGate { .. } => Some(&self.oauthgate),
        }
    }

    /// As the installed things say it themselves.
    pub(crate) fn versions(&self) -> String {
        let python = |script: &str| output(self.python.as_deref(), &["-c", script]);
        let jose = |name: &str| {
            let manifest = contenders().join(format!("node/node_modules/{name}/package.json"));
            let manifest: Value = serde_json::from_slice(&fs::read(manifest).ok()?).ok()?;
            manifest["version"].as_str().map(str::to_owned)
        };
        let found = [
            (
                "OAuthGate",
                number(output(Some(&self.oauthgate), &["--version"])),
            ),
            ("nginx", number(output(self.nginx.as_deref(), &["-v"]))),
            ("HAProxy", number(output(self.haproxy.as_deref(), &["-v"]))),
            (
                "Envoy",
                number(output(self.envoy.as_deref(), &["--version"])),
            ),
            (
                "Python",
                number(output(self.python.as_deref(), &["--version"])),
            ),
            ("PyJWT", python("import jwt; print(jwt.__version__)")),
            (
                "uvicorn",
                python("import uvicorn; print(uvicorn.__version__)"),
            ),
            ("Node", output(self.node.as_deref(), &["--version"])),
            ("jose", jose("jose")),
            ("fast-jwt", jose("fast-jwt")),
        ];
        let texts = found.map(|(name, version)| match version {
            Some(version) => format!("{name} {}", version.trim_start_matches('v')),
            None => format!("{name} not installed"),
        });
        texts.join(", ")
    }
}

impl Stand {
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.parts.program(kind).is_some()
    }

    /// Starts a contender, with settings beside the usual ones, and waits until it listens.
    ///
    /// # Errors
    /// When it does not, with what it said.
    pub(crate) fn start(&self, kind: Kind, settings: &[(&str, &str)]) -> Result<Server, String> {
        let mut server = self.spawn(kind, settings)?;
        server
            .child
            .until_listening(server.port)
            .map_err(|problem| format!("{} does not start: {problem}", kind.name()))?;
        Ok(server)
    }

    /// The same without waiting.
    pub(crate) fn spawn(&self, kind: Kind, settings: &[(&str, &str)]) -> Result<Server, String> {
        let cannot = |error: io::Error| format!("{}: {error}", kind.name());
        let program = self
            .parts
            .program(kind)
            .ok_or_else(|| format!("{} is not installed", kind.name()))?;
        let port = free_port().map_err(cannot)?;
        let directory = tempfile::tempdir().map_err(cannot)?;
        let mut command = Command::new(program);
        command.env_clear();
        self.prepare(kind, &mut command, port, directory.path())
            .map_err(cannot)?;
        command.envs(settings.iter().copied());
        let output = match kind {
            Kind::OAuthGate { logs: true } => Output::File,
            _ => Output::Nowhere,
        };
        Ok(Server {
            child: Child::spawn(self.cores, command, directory.path(), output)?,
            port,
            _directory: directory,
        })
    }

    fn prepare(
        &self,
        kind: Kind,
        command: &mut Command,
        port: u16,
        directory: &Path,
    ) -> io::Result<()> {
        match kind {
            Kind::Nginx { logs } => {
                let log = if logs { "access.log" } else { "off" };
                let file = self.file("nginx/nginx.conf", directory, port, log)?;
                command.arg("-p").arg(directory).arg("-c").arg(file);
            }
            Kind::Bare { verifies } => {
                command.args(["--listen", &port.to_string()]);
                command.args(["--upstream", &self.upstream_port.to_string()]);
                if verifies {
                    self.write_signature(directory)?;
                    command.arg("--verify").arg(directory);
                }
            }
            Kind::HAProxy => {
                fs::write(directory.join("key.pem"), self.issuer.pem())?;
                let file = self.file("haproxy/haproxy.cfg", directory, port, "")?;
                command.arg("-db").arg("-f").arg(file);
            }
            Kind::Envoy => {
                let file = self.file("envoy/speed.yaml", directory, port, "")?;
                command.arg("-c").arg(file);
                command.args(["--concurrency", "1", "--disable-hot-restart", "-l", "warn"]);
            }
            Kind::Predecessor => {
                command
                    .arg(contenders().join("python/predecessor.py"))
                    .env("PORT", port.to_string())
                    .env("UPSTREAM_PORT", self.upstream_port.to_string())
                    .env("MCP_SERVER_URL", AUDIENCE)
                    .env("OAUTH_AUDIENCE", AUDIENCE)
                    .env("OAUTH_ISSUER_URL", self.issuer.url())
                    .env("PYTHONDONTWRITEBYTECODE", "1");
            }
            Kind::OAuthGate { logs } => {
                let upstream = format!("http://127.0.0.1:{}", self.upstream_port);
                command
                    .arg("serve")
                    .env("MCP_SERVER_URL", AUDIENCE)
                    .env("OAUTH_AUDIENCE", AUDIENCE)
                    .env("OAUTH_ISSUER_URL", self.issuer.url())
                    .env("OAUTHGATE_UPSTREAM", upstream)
                    .env("OAUTHGATE_LISTEN", format!("127.0.0.1:{port}"))
                    .env("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:0");
                if !logs {
                    command.env("OAUTHGATE_ACCESS_LOG_SAMPLE", "0");
                }
            }
        }
        Ok(())
    }

    /// A configuration file with its blanks filled in.
    fn file(&self, template: &str, directory: &Path, port: u16, log: &str) -> io::Result<PathBuf> {
        let values = [
            ("{{PORT}}", port.to_string()),
            ("{{UPSTREAM_PORT}}", self.upstream_port.to_string()),
            ("{{ISSUER}}", self.issuer.url()),
            ("{{AUDIENCE}}", AUDIENCE.to_owned()),
            ("{{JWKS}}", self.issuer.key_set().to_string()),
            ("{{DIRECTORY}}", directory.to_string_lossy().into_owned()),
            ("{{ACCESS_LOG}}", log.to_owned()),
        ];
        let text = fs::read_to_string(contenders().join(template))?;
        let text = values
            .iter()
            .fold(text, |text, (name, value)| text.replace(name, value));
        // Envoy goes by what its name ends with.
        let file = directory.join(template.rsplit('/').next().unwrap_or(template));
        fs::write(&file, text)?;
        Ok(file)
    }

    /// What the bare proxy is to check for each request.
    fn write_signature(&self, directory: &Path) -> io::Result<()> {
        let (signed, signature) = self.issuer.sign(0);
        fs::write(directory.join("key.der"), self.issuer.public_key())?;
        fs::write(directory.join("signed"), signed)?;
        fs::write(directory.join("signature"), signature)
    }
}

/// Where the contenders' files lie.
pub(crate) fn contenders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contenders")
}

fn output(program: Option<&Path>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program?).args(arguments).output().ok()?;
    // nginx tells its version on the other stream.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    output.status.success().then_some(text)
}

/// The first version number in a text.
fn number(text: Option<String>) -> Option<String> {
    let text = text?;
    let mut words = text.split([' ', '/', '\n']);
    let is_version =
        |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
    words.find(is_version).map(str::to_owned)
}
