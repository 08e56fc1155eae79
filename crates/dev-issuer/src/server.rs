//! Start, handle, stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    control::{Counters, Endpoint, Fault},
    emulate::{Changes, Emulated, Kind},
    keys::KeyRing,
    mint::TokenSpec,
    options::{DevIssuerOptions, Resource},
    router::router,
    state::IssuerState,
};

/// How long open connections may take to end after a stop.
const DRAIN: Duration = Duration::from_secs(1);

/// A running authorization server. It stops when this handle is dropped.
#[derive(Debug)]
pub struct DevIssuer {
    state: Arc<IssuerState>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It would be reachable from elsewhere; its tokens are for demos and tests only.
    #[error("the dev issuer listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A path that cannot be part of an issuer identifier here.
    #[error(
        "issuer path {0:?} must look like /name or /some/name (letters, digits, '-', '_', '.', '~')"
    )]
    IssuerPath(String),
    /// Without an algorithm nothing can be signed.
    #[error("name at least one signing algorithm")]
    NoAlgorithm,
    /// The crypto library refused to make a key.
    #[error("cannot make a signing key")]
    Key,
}

impl DevIssuer {
    /// Binds, makes the keys and serves in the background of the current tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]: an address that is not loopback or not free, a bad issuer path, no algorithm.
    pub async fn start(options: DevIssuerOptions) -> Result<Self, StartError> {
        let listen = options.listen;
        if !listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(listen));
        }
        let path = match options.emulation {
            None => issuer_path(options.issuer_path.as_deref())?,
            Some(_) => String::new(),
        };
        if options.algorithms.is_empty() {
            return Err(StartError::NoAlgorithm);
        }
        let cannot_listen = |source| StartError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let origin = format!("http://{address}");
        let emulated = options
            .emulation
            .map(|emulation| Emulated::new(emulation, origin.clone(), options.real_names));
        let issuer = match &emulated {
            Some(emulated) => emulated.issuer(),
            None => format!("{origin}{path}"),
        };
        let (emulated, keys) = make_keys(emulated, &options).await?;
        let state = Arc::new(IssuerState::new(issuer, path, options, emulated, keys));
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, router(&state), stopped));
        Ok(Self {
            state,
            address,
            stop,
            serving,
        })
    }

    /// The issuer identifier: `iss` of every token, `issuer` of the metadata.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.state.issuer
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The published JWK set.
    #[must_use]
    pub fn jwk_set(&self) -> Value {
        self.state.jwk_set()
    }

    /// Makes a token without a flow; any part of it may be bent. Making a key for an algorithm that has none yet
    /// blocks for some tens of milliseconds (RSA).
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "specs are built in place, for one token"
    )]
    pub fn mint(&self, spec: TokenSpec) -> String {
        self.state.mint(&spec)
    }

    /// Makes a token of the emulated provider, as its token endpoint would, but for the changes. A kind that the
    /// provider does not have ([`Kind::Id`] at GitHub) is a random string that nobody knows.
    ///
    /// # Panics
    /// When nothing is emulated ([`DevIssuerOptions::emulation`]).
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "changes are built in place, for one token"
    )]
    pub fn emulated_token(&self, kind: Kind, changes: Changes) -> String {
        self.state
            .emulated_token(kind, &changes)
            .expect("the caller started an emulation")
    }

    /// Environment variables that make an OAuthGate take the emulated provider's tokens; none without an emulation.
    #[must_use]
    pub fn gate_settings(&self) -> Vec<(&'static str, String)> {
        let emulated = self.state.emulated.as_ref();
        emulated.map_or_else(Vec::new, |it| it.gate_settings(&self.state.options))
    }

    /// New keys for every algorithm. With `keep_old` the old ones stay published (a soft rotation); without, tokens
    /// they signed are worthless at once. Blocks while RSA keys are made.
    pub fn rotate_keys(&self, keep_old: bool) {
        self.state.rotate_keys(keep_old);
    }

    /// Makes a resource known, or replaces the one with this URI. For gates that learn their own address, and so
    /// their URI, only after this server has started.
    pub fn add_resource(&self, resource: Resource) {
        self.state.add_resource(resource);
    }

    /// Makes an endpoint misbehave.
    pub fn set_fault(&self, endpoint: Endpoint, fault: Fault) {
        self.state.faults.set(endpoint, fault);
    }

    /// Makes every endpoint well again.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// How often each endpoint was asked.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.state.counts.read()
    }

    /// Forgets grants, registered clients, faults and counts.
    pub fn reset(&self) {
        self.state.reset();
    }

    /// Stops, and waits up to a second for open connections.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(DRAIN, &mut self.serving)
            .await
            .is_err()
        {
            self.serving.abort();
        }
    }
}

impl Drop for DevIssuer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let stop = async move {
        // An error means that the handle is gone, which is a stop as well.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
    {
        tracing::error!(%error, "the dev issuer stopped serving");
    }
}

async fn make_keys(
    emulated: Option<Emulated>,
    options: &DevIssuerOptions,
) -> Result<(Option<Emulated>, KeyRing), StartError> {
    let algorithms = options.algorithms.clone();
    let make = move || {
        let keys = match &emulated {
            Some(emulated) => emulated.keys()?,
            None => KeyRing::generate(&algorithms, |key, _| key)?,
        };
        Ok::<_, aws_lc_rs::error::Unspecified>((emulated, keys))
    };
    let made = tokio::task::spawn_blocking(make).await;
    made.ok().and_then(Result::ok).ok_or(StartError::Key)
}

fn issuer_path(path: Option<&str>) -> Result<String, StartError> {
    let Some(path) = path.filter(|path| !matches!(*path, "" | "/")) else {
        return Ok(String::new());
    };
    let named = |segment: &str| {
        !segment.is_empty()
            && !matches!(segment, "." | ".." | ".well-known" | "control")
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    };
    match path.strip_prefix('/') {
        Some(segments) if segments.split('/').all(named) => Ok(path.to_owned()),
        _ => Err(StartError::IssuerPath(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_plain_issuer_paths_only() {
        assert_eq!(issuer_path(None).unwrap(), "");
        assert_eq!(issuer_path(Some("/")).unwrap(), "");
        assert_eq!(issuer_path(Some("/a/b-2")).unwrap(), "/a/b-2");
        for bad in [
            "a",
            "/a/",
            "//a",
            "/{x}",
            "/a b",
            "/..",
            "/.well-known",
            "/control",
            "/a?b",
        ] {
            assert!(issuer_path(Some(bad)).is_err(), "{bad}");
        }
    }
}
