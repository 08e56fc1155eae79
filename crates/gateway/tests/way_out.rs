//! The binary's way to authorization servers: over TLS that only a named authority vouches for, through
//! a proxy, to upstreams, and nowhere else.

use std::{
    io::Write,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use oauthgate_remote::clock::{Clock, SystemClock};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn file_of(authority: &Authority) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(authority.pem().as_bytes()).unwrap();
    file
}

fn acceptor(authority: &Authority, name: &str) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn head_of(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// The key pair of RFC 8037, appendix A.
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

/// A good token of this issuer.
fn token(issuer: &str) -> String {
    let decode = |text| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let key = Ed25519KeyPair::from_seed_and_public_key(&decode(SEED), &decode(PUBLIC)).unwrap();
    let now = SystemClock::new().now().as_secs();
    let header = json!({"alg": "EdDSA", "kid": "1", "typ": "at+jwt"});
    let claims = json!({
        "iss": issuer, "aud": "api", "sub": "ada", "client_id": "app", "jti": "1",
        "iat": now, "exp": now + 600,
    });
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", encode(&header), encode(&claims));
    let signature = key.sign(input.as_bytes());
    format!(
        "{input}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref())
    )
}

/// An authorization server with one key, and its name.
async fn issuer(authority: &Authority, host: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("https://{host}:{}", listener.local_addr().unwrap().port());
    let acceptor = acceptor(authority, host);
    let metadata = json!({"issuer": name, "jwks_uri": format!("{name}/keys")}).to_string();
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": PUBLIC, "kid": "1"}]});
    let keys = keys.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(
                stream,
                acceptor.clone(),
                metadata.clone(),
                keys.clone(),
            ));
        }
    });
    name
}

async fn answer(stream: TcpStream, acceptor: TlsAcceptor, metadata: String, keys: String) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    while let Some(head) = head_of(&mut stream).await {
        let body = match head.split(' ').nth(1) {
            Some("/keys") => &keys,
            _ => &metadata,
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// A proxy that connects to this machine, whatever name is asked for, and the heads it has read.
async fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let head = head_of(&mut client).await.unwrap();
            let target = head.split(' ').nth(1).unwrap().to_owned();
            let port = target.rsplit_once(':').unwrap().1;
            let mut server = TcpStream::connect(format!("127.0.0.1:{port}"))
                .await
                .unwrap();
            seen.lock().unwrap().push(head);
            tokio::spawn(async move {
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (authority, heads)
}

struct Gate {
    _child: Child,
    log: BufReader<ChildStdout>,
}

impl Gate {
    fn start(environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_oauthgate"))
            .arg("serve")
            .env_clear()
            .env("OAUTHGATE_LISTEN", "127.0.0.1:0")
            .env("OAUTHGATE_ADMIN_LISTEN", "127.0.0.1:0")
            .env("MCP_SERVER_URL", "https://mcp.example.com/mcp")
            .env("OAUTHGATE_UPSTREAM", "http://127.0.0.1:1")
            .env("OAUTH_AUDIENCE", "api")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        Self { _child: child, log }
    }

    /// The next log line with one of these messages.
    async fn line(&mut self, messages: &[&str]) -> Value {
        let found = async {
            loop {
                let mut text = String::new();
                let read = self.log.read_line(&mut text).await.unwrap();
                assert!(read > 0, "the log ended before {messages:?}");
                let line: Value = serde_json::from_str(&text).unwrap();
                if messages.iter().any(|message| line["message"] == *message) {
                    return line;
                }
            }
        };
        timeout(Duration::from_secs(30), found).await.unwrap()
    }

    /// Whether keys came, or why not.
    async fn keys(&mut self) -> Result<(), String> {
        let line = self.line(&["keys are loaded", "key set not fetched"]).await;
        match line["detail"].as_str() {
            Some(detail) => Err(detail.to_owned()),
            None => Ok(()),
        }
    }
}

#[tokio::test]
async fn d15_an_issuer_of_a_private_authority_needs_that_to_be_named() {
    let corp = authority();
    let issuer = issuer(&corp, "localhost").await;
    let file = file_of(&corp);
    let path = file.path().to_str().unwrap();
    let mut trusting = Gate::start(&[("OAUTH_ISSUER_URL", &issuer), ("OAUTHGATE_CA_FILE", path)]);
    assert_eq!(trusting.keys().await, Ok(()));

    // The machine's own authorities, and another private one, do not vouch for it.
    let other = file_of(&authority());
    let other = other.path().to_str().unwrap();
    for environment in [
        vec![("OAUTH_ISSUER_URL", issuer.as_str())],
        vec![
            ("OAUTH_ISSUER_URL", issuer.as_str()),
            ("OAUTHGATE_CA_FILE", other),
        ],
    ] {
        let why = Gate::start(&environment).keys().await.unwrap_err();
        assert!(why.contains("OAUTHGATE_CA_FILE"), "{why}");
    }
}

#[tokio::test]
async fn d15_a_machine_without_authorities_is_told_and_believes_nobody() {
    let issuer = issuer(&authority(), "localhost").await;
    let mut gate = Gate::start(&[
        ("OAUTH_ISSUER_URL", &issuer),
        ("OAUTHGATE_UPSTREAM", "https://127.0.0.1:1"),
        ("SSL_CERT_FILE", "/nowhere/certificates.pem"),
    ]);
    gate.line(&["the gate is open"]).await;
    let messages = ["no upstream can be reached over TLS", "key set not fetched"];
    let mut told = [gate.line(&messages).await, gate.line(&messages).await];
    told.sort_by_key(|line| line["message"].to_string());
    let [keys, upstream] = told.map(|line| line.to_string());
    assert!(keys.contains("No CA certificates"), "{keys}");
    assert!(upstream.contains("SSL_CERT_FILE"), "{upstream}");
}

/// The status line of an answer to a good token.
async fn ask(gate: &mut Gate, token: &str) -> String {
    let line = gate.line(&["the gate is open"]).await;
    let mut stream = TcpStream::connect(line["listen"].as_str().unwrap())
        .await
        .unwrap();
    let head = format!(
        "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn d15_an_upstream_of_a_private_authority_needs_that_to_be_named_too() {
    let (corp, upstreams) = (authority(), authority());
    let issuer = issuer(&corp, "localhost").await;
    // Any server will do that answers over TLS.
    let upstream = self::issuer(&upstreams, "localhost").await;
    let mut bundle = file_of(&corp);
    let only_issuer = file_of(&corp);
    bundle.write_all(upstreams.pem().as_bytes()).unwrap();
    for (file, status) in [(&bundle, "200 OK"), (&only_issuer, "502 Bad Gateway")] {
        let mut gate = Gate::start(&[
            ("OAUTH_ISSUER_URL", &issuer),
            ("OAUTHGATE_UPSTREAM", &upstream),
            ("OAUTHGATE_CA_FILE", file.path().to_str().unwrap()),
            // Upstreams are never asked through it.
            ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ]);
        assert_eq!(
            ask(&mut gate, &token(&issuer)).await,
            format!("HTTP/1.1 {status}")
        );
    }
}

#[tokio::test]
async fn d16_an_issuer_behind_a_proxy_never_sees_its_password() {
    let corp = authority();
    let issuer = issuer(&corp, "auth.corp.test").await;
    let file = file_of(&corp);
    let (proxy, heads) = proxy().await;
    let url = format!("http://user:secret@{proxy}");
    let mut gate = Gate::start(&[
        ("OAUTH_ISSUER_URL", &issuer),
        ("OAUTHGATE_CA_FILE", file.path().to_str().unwrap()),
        ("HTTPS_PROXY", &url),
        ("OAUTHGATE_JWKS_SAME_SITE", "true"),
    ]);
    assert_eq!(gate.keys().await, Ok(()));
    let heads = heads.lock().unwrap().clone();
    assert!(!heads.is_empty());
    for head in heads {
        assert!(head.starts_with("CONNECT auth.corp.test:"), "{head}");
        assert!(head.contains("Basic dXNlcjpzZWNyZXQ="), "{head}");
    }
}

#[tokio::test]
async fn an_issuer_named_by_no_proxy_is_asked_directly() {
    let corp = authority();
    let issuer = issuer(&corp, "auth.corp.test").await;
    let (proxy, heads) = proxy().await;
    let mut gate = Gate::start(&[
        ("OAUTH_ISSUER_URL", &issuer),
        ("HTTPS_PROXY", &proxy),
        ("NO_PROXY", ".corp.test"),
    ]);
    let why = gate.keys().await.unwrap_err();
    assert!(
        why.contains("the name auth.corp.test cannot be resolved"),
        "{why}"
    );
    assert!(heads.lock().unwrap().is_empty());
}
