//! Gates with more and more rules, as processes of their own, side by side.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use oauthgate_dev_issuer::{DevIssuer, DevIssuerOptions, TokenSpec};
use tempfile::TempDir;
use tokio::{net::TcpStream, sync::Mutex};

use crate::{
    TOOLS, cpu,
    library::RULES,
    measure::Figures,
    message::{Filling, SCOPE, call, file, list},
    upstream::{self, Upstream},
};

/// How long a gate may take until it lets a good token pass.
const START_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// As many bytes as one gate gets in one round, in at least [`FEWEST`] and at most [`MOST`] requests.
const BYTES: usize = 64 * 1024 * 1024;
const FEWEST: usize = 16;
const MOST: usize = 400;

/// What is asked, and how often in a round.
#[derive(Debug)]
pub(crate) struct Cell {
    question: Bytes,
    tools: Option<usize>,
    requests: usize,
}

impl Cell {
    pub(crate) fn call(bytes: usize) -> Self {
        Self {
            question: call(bytes, Filling::Records),
            tools: None,
            requests: (BYTES / bytes).clamp(FEWEST, MOST),
        }
    }

    pub(crate) fn list(count: usize) -> Self {
        Self {
            question: list(),
            tools: Some(count),
            requests: MOST,
        }
    }
}

/// Everything that runs.
pub(crate) struct Stand {
    gates: [Gate; 4],
    _upstream: Upstream,
    _issuer: DevIssuer,
}

impl Stand {
    pub(crate) async fn start(program: &Path) -> Result<Self, String> {
        let cannot = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| format!("no {what}: {error}")
        };
        let upstream = Upstream::start(&TOOLS).await.map_err(cannot("upstream"))?;
        let options = DevIssuerOptions {
            accept_any_resource: true,
            ..DevIssuerOptions::default()
        };
        let issuer = DevIssuer::start(options)
            .await
            .map_err(|error| format!("no issuer: {error}"))?;
        let mut gates = Vec::new();
        for rules in RULES {
            let gate = Gate::start(program, rules, &upstream, &issuer).await;
            gates.push(gate.map_err(cannot("gate"))?);
        }
        let gates = <[Gate; 4]>::try_from(gates).map_err(|_| "four gates".to_owned())?;
        Ok(Self {
            gates,
            _upstream: upstream,
            _issuer: issuer,
        })
    }

    /// The gates take turns.
    pub(crate) async fn measure(&self, cell: &Cell, rounds: usize) -> Result<[Figures; 4], String> {
        let mut costs: [Vec<Duration>; 4] = Default::default();
        for round in 0..=rounds {
            for (gate, costs) in self.gates.iter().zip(&mut costs) {
                let cost = gate.cost(cell).await;
                let cost = cost.map_err(|error| format!("a request failed: {error}"))?;
                // The first round warms everything up.
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
        Ok(costs.map(Figures::new))
    }
}

/// One gate and a connection to it.
struct Gate {
    process: Child,
    token: String,
    connection: Mutex<SendRequest<Full<Bytes>>>,
    _directory: TempDir,
}

impl Gate {
    async fn start(
        program: &Path,
        rules: usize,
        upstream: &Upstream,
        issuer: &DevIssuer,
    ) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let config = directory.path().join("oauthgate.toml");
        fs::write(&config, file(rules))?;
        let [port, admin] = [free_port()?, free_port()?];
        let resource = format!("http://localhost:{port}/mcp");
        let process = Command::new(program)
            .arg("serve")
            .env_clear()
            .env("OAUTHGATE_CONFIG", config)
            .env("MCP_SERVER_URL", &resource)
            .env("OAUTH_ISSUER_URL", issuer.issuer())
            .env("OAUTHGATE_UPSTREAM", upstream.url())
            .env("OAUTHGATE_LISTEN", format!("127.0.0.1:{port}"))
            .env("OAUTHGATE_ADMIN_LISTEN", format!("127.0.0.1:{admin}"))
            .env("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let token = issuer.mint(TokenSpec::new(&*resource).scope(SCOPE));
        let connection = connect((Ipv4Addr::LOCALHOST, port).into()).await?;
        let gate = Self {
            process,
            token,
            connection: Mutex::new(connection),
            _directory: directory,
        };
        gate.until_open().await?;
        Ok(gate)
    }

    async fn until_open(&self) -> io::Result<()> {
        let begin = Instant::now();
        let cell = Cell::call(1024);
        while self.ask(&cell).await? != StatusCode::OK {
            if begin.elapsed() > START_LIMIT {
                return Err(io::Error::other("it refuses a good token"));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// What one request of this kind costs the process.
    async fn cost(&self, cell: &Cell) -> io::Result<Duration> {
        let before = cpu::used_by(self.process.id())?;
        for _ in 0..cell.requests {
            let status = self.ask(cell).await?;
            if status != StatusCode::OK {
                return Err(io::Error::other(format!("answered {status}")));
            }
        }
        let used = cpu::used_by(self.process.id())? - before;
        let requests = u32::try_from(cell.requests).expect("some hundreds");
        Ok(used / requests)
    }

    async fn ask(&self, cell: &Cell) -> io::Result<StatusCode> {
        let tools = cell
            .tools
            .map_or_else(String::new, |count| count.to_string());
        let request = Request::post("/mcp")
            .header("host", "localhost")
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .header(upstream::TOOLS, tools)
            .body(Full::new(cell.question.clone()))
            .map_err(io::Error::other)?;
        let mut connection = self.connection.lock().await;
        connection.ready().await.map_err(io::Error::other)?;
        let answer = connection.send_request(request).await;
        let answer = answer.map_err(io::Error::other)?;
        let status = answer.status();
        answer.collect().await.map_err(io::Error::other)?;
        Ok(status)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// As soon as somebody listens.
async fn connect(address: SocketAddr) -> io::Result<SendRequest<Full<Bytes>>> {
    let begin = Instant::now();
    let stream = loop {
        match TcpStream::connect(address).await {
            Ok(stream) => break stream,
            Err(error) if begin.elapsed() > START_LIMIT => return Err(error),
            Err(_) => tokio::time::sleep(POLL).await,
        }
    };
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
