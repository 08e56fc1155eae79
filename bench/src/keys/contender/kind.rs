//! How each contender is started.

use std::{fs, io, path::Path, process::Command};

use super::{Parts, Setup};

/// What Envoy's documentation gives for `cache_duration`.
const ENVOY_DEFAULT_LIFE: u64 = 600;

/// A contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    OAuthGate,
    Jose,
    PyJwt,
    Envoy,
}

impl Kind {
    /// Ours first.
    pub(crate) const ALL: [Self; 4] = [Self::OAuthGate, Self::Jose, Self::PyJwt, Self::Envoy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OAuthGate => "OAuthGate",
            Self::Jose => "jose",
            Self::PyJwt => "PyJWT",
            Self::Envoy => "Envoy",
        }
    }

    /// The server as a command; what it needs to read is written into `directory`.
    pub(super) fn command(
        self,
        parts: &Parts,
        setup: &Setup,
        directory: &Path,
    ) -> io::Result<Command> {
        match self {
            Self::OAuthGate => Ok(oauthgate(parts, setup)),
            Self::Jose => Ok(script(&parts.node, &parts.node_server(), setup)),
            Self::PyJwt => Ok(script(&parts.python, &parts.python_server(), setup)),
            Self::Envoy => envoy(parts, setup, directory),
        }
    }
}

/// Four variables as the README has them, and two for the ports.
fn oauthgate(parts: &Parts, setup: &Setup) -> Command {
    let mut command = Command::new(&parts.oauthgate);
    command
        .arg("serve")
        .env_clear()
        .env("MCP_SERVER_URL", &setup.parties.audience)
        .env("OAUTH_AUDIENCE", &setup.parties.audience)
        .env("OAUTH_ISSUER_URL", &setup.parties.issuer)
        .env(
            "OAUTHGATE_UPSTREAM",
            format!("http://127.0.0.1:{}", setup.upstream_port),
        )
        .env("OAUTHGATE_LISTEN", setup.address().to_string())
        .env("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:0");
    if let Some(life) = setup.life {
        command.env("OAUTH_JWKS_CACHE_TTL", life.as_secs().to_string());
    }
    if let Some(directory) = &setup.state_directory {
        command.env("OAUTHGATE_STATE_DIRECTORY", directory);
    }
    command
}

/// A small server of ours around somebody's library.
fn script(interpreter: &Path, script: &Path, setup: &Setup) -> Command {
    let mut command = Command::new(interpreter);
    command
        .arg(script)
        .env_clear()
        .env("PORT", setup.port.to_string())
        .env("JWKS_URL", &setup.jwks_url)
        .env("ISSUER", &setup.parties.issuer)
        .env("AUDIENCE", &setup.parties.audience)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(life) = setup.life {
        command.env("TTL_SECONDS", life.as_secs().to_string());
    }
    command
}

fn envoy(parts: &Parts, setup: &Setup, directory: &Path) -> io::Result<Command> {
    let life = setup.life.map_or(ENVOY_DEFAULT_LIFE, |life| life.as_secs());
    let values = [
        ("{{PORT}}", setup.port.to_string()),
        ("{{ISSUER}}", setup.parties.issuer.clone()),
        ("{{AUDIENCE}}", setup.parties.audience.clone()),
        ("{{JWKS_URL}}", setup.jwks_url.clone()),
        ("{{TTL_SECONDS}}", life.to_string()),
        ("{{UPSTREAM_PORT}}", setup.upstream_port.to_string()),
        ("{{ISSUER_PORT}}", setup.issuer_port.to_string()),
    ];
    let template = fs::read_to_string(parts.envoy_template())?;
    let text = values
        .iter()
        .fold(template, |text, (name, value)| text.replace(name, value));
    let file = directory.join("envoy.yaml");
    fs::write(&file, text)?;
    let binary = parts
        .envoy
        .as_deref()
        .ok_or(io::Error::from(io::ErrorKind::NotFound))?;
    let mut command = Command::new(binary);
    command
        .arg("-c")
        .arg(file)
        // Several may run at a time.
        .args(["--disable-hot-restart", "-l", "warn"])
        .env_clear();
    Ok(command)
}
