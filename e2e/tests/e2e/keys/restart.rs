//! R2 and R9: what a gate knew outlives it.

use std::path::Path;

use futures_util::future::join_all;
use oauthgate_e2e::{Behaviour, Gate, GateBuilder, Issuer, Recorder};
use tempfile::TempDir;

use super::{assert_refuses_forged, assert_unavailable, eventually};

const RESTARTS: usize = 10;

/// One issuer, and a directory that outlives the gates before it.
struct Site {
    issuer: Issuer,
    upstream: Recorder,
    state: TempDir,
}

impl Site {
    async fn new() -> Self {
        Self {
            issuer: Issuer::start().await,
            upstream: Recorder::start().await,
            state: tempfile::tempdir().expect("a directory"),
        }
    }

    /// Waits for nothing but the port.
    async fn gate(&self) -> Gate {
        let state = self.state.path().join("gate").display().to_string();
        let gate = GateBuilder::trusting(&self.upstream.url(), self.issuer.name());
        let gate = gate.set("OAUTHGATE_STATE_DIRECTORY", state);
        gate.start_unready().await
    }

    /// A gate that has seen the keys, and has saved them.
    async fn warm(&self) -> Gate {
        let gate = self.gate().await;
        eventually("keys", async || {
            gate.status(&self.token(&gate)).await == 200
        })
        .await;
        eventually("a saved set", async || self.saved().is_some()).await;
        gate
    }

    fn token(&self, gate: &Gate) -> String {
        self.issuer.token(&gate.resource)
    }

    async fn issuer_is(&self, behaviour: Behaviour) {
        self.issuer.metadata.behave(behaviour.clone()).await;
        self.issuer.keys.behave(behaviour).await;
    }

    async fn assert_serves(&self, gate: &Gate) {
        assert_eq!(
            gate.status(&self.token(gate)).await,
            200,
            "the first request"
        );
        self.assert_refuses_forged(gate, 401).await;
        assert_eq!(gate.readiness().await.0, 200);
    }

    async fn assert_refuses_forged(&self, gate: &Gate, status: u16) {
        assert_refuses_forged(gate, &self.issuer, &self.upstream, status, "restarted").await;
    }

    /// The file of the one issuer, when there is one.
    fn saved(&self) -> Option<std::path::PathBuf> {
        let files = std::fs::read_dir(self.state.path().join("gate")).ok()?;
        let files = files.filter_map(|file| Some(file.ok()?.path()));
        files.filter(|path| is_saved_set(path)).min()
    }
}

/// Neither a lock nor a file that is being written.
fn is_saved_set(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let length = std::fs::metadata(path).map_or(0, |file| file.len());
    length > 100 && !name.starts_with('.') && !name.ends_with(".tmp")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r9_r2_ten_restarts_in_an_outage_refuse_no_good_request() {
    let site = Site::new().await;
    drop(site.warm().await);
    for restart in 0..RESTARTS {
        let outage = match restart % 3 {
            0 => Behaviour::Refused,
            1 => Behaviour::Silent,
            _ => Behaviour::Status(500),
        };
        site.issuer_is(outage).await;
        let gate = site.gate().await;
        site.assert_serves(&gate).await;
    }
    site.issuer_is(Behaviour::Well).await;
    site.assert_serves(&site.gate().await).await;
}

/// Without a directory there is nothing to start from: the same outage is 503.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_first_start_in_an_outage_is_503() {
    let site = Site::new().await;
    site.issuer_is(Behaviour::Refused).await;
    let gate = site.gate().await;
    assert_unavailable(&gate.call(&site.token(&gate)).await, "nothing was saved");
    site.assert_refuses_forged(&gate, 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_r9_a_withdrawn_key_stays_withdrawn_through_restarts() {
    let site = Site::new().await;
    let gate = site.warm().await;
    let path = format!("/keys/{}", site.issuer.signer.key_id());
    let answer = gate.admin("DELETE", &path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    drop(gate);
    drop(site.upstream.take());
    for issuer_is in [Behaviour::Refused, Behaviour::Well] {
        site.issuer_is(issuer_is.clone()).await;
        let gate = site.gate().await;
        for _ in 0..5 {
            let status = gate.status(&site.token(&gate)).await;
            assert!(matches!(status, 401 | 503), "{issuer_is:?}: {status}");
        }
        assert!(site.upstream.take().is_empty(), "{issuer_is:?}");
    }
    site.issuer.rotate(true);
    let gate = site.gate().await;
    eventually("another key of the issuer", async || {
        gate.status(&site.token(&gate)).await == 200
    })
    .await;
}

/// Cut, bent and foreign files are as good as none: the gate starts, says so, and opens to nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e9_d5_a_bent_file_opens_to_nobody() {
    let site = Site::new().await;
    drop(site.warm().await);
    site.issuer_is(Behaviour::Refused).await;
    let path = site.saved().expect("a saved set");
    let whole = std::fs::read(&path).expect("its bytes");
    let middle = whole.len() / 2;
    let bent = |change: u8| {
        let mut bytes = whole.clone();
        bytes[middle] ^= change;
        bytes
    };
    let files = [
        ("cut", whole[..middle].to_vec()),
        ("empty", Vec::new()),
        ("one bit", bent(1)),
        ("garbage", b"<!doctype html>".to_vec()),
        (
            "a bare key set",
            site.issuer.signer.jwk_set().to_string().into_bytes(),
        ),
    ];
    for (what, bytes) in files {
        std::fs::write(&path, bytes).expect("a file");
        let gate = site.gate().await;
        assert_unavailable(&gate.call(&site.token(&gate)).await, what);
        site.assert_refuses_forged(&gate, 503).await;
        let output = gate.process.output();
        assert!(
            output.contains("WARN"),
            "{what}: nothing was said: {output}"
        );
    }
    std::fs::write(&path, &whole).expect("a file");
    site.assert_serves(&site.gate().await).await;
}

/// A machine may run several gates over one directory; none spoils what another reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r9_gates_that_share_a_directory_spoil_nothing() {
    let site = Site::new().await;
    let first = site.warm().await;
    let others = join_all((0..3).map(|_| site.gate())).await;
    for _ in 0..5 {
        site.issuer.rotate(true);
        for gate in others.iter().chain([&first]) {
            let answer = gate.admin("POST", "/keys/refresh").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
    for gate in others.iter().chain([&first]) {
        site.assert_serves(gate).await;
    }
    // Ended without a word, in the middle of whatever they do.
    drop((first, others));
    site.issuer_is(Behaviour::Refused).await;
    site.assert_serves(&site.gate().await).await;
}
