//! The internet's names on one machine: a proxy that claims to be every host, with certificates of a throw-away
//! authority, and leads all of them to one port of loopback. Nothing ever leaves for the real network.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// More than the head of any `CONNECT`.
const MAX_HEAD: u64 = 8 * 1024;

/// A forward proxy behind which every name is the same server.
#[derive(Debug)]
pub struct Names {
    port: u16,
    authority: PathBuf,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    _directory: TempDir,
}

struct Shared {
    authority: CertifiedIssuer<'static, KeyPair>,
    acceptors: Mutex<HashMap<String, TlsAcceptor>>,
    asked: Mutex<Vec<String>>,
    server_port: u16,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("server_port", &self.server_port)
            .finish_non_exhaustive()
    }
}

impl Names {
    /// Every name is the plain HTTP server at this port of loopback.
    ///
    /// # Panics
    /// When loopback has no free port, or the authority cannot be made.
    pub async fn leading_to(server_port: u16) -> Self {
        let authority = authority();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("authority.pem");
        std::fs::write(&file, authority.pem()).expect("a file");
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            authority,
            acceptors: Mutex::default(),
            asked: Mutex::default(),
            server_port,
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            port,
            authority: file,
            shared,
            task,
            _directory: directory,
        }
    }

    /// The value of `HTTPS_PROXY`.
    #[must_use]
    pub fn proxy(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The PEM file of the authority that vouches for all names.
    #[must_use]
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// The hosts that were asked for, in order.
    ///
    /// # Panics
    /// Never in practice: no holder of the lock panics.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().expect("no holder panics").clone()
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a certificate")
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connect(stream, Arc::clone(&shared)));
        }
    }
}

/// One `CONNECT`: a handshake in the name that it asks for, then the bytes of the server behind all names.
async fn connect(mut client: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    let Some(host) = host_asked_for(&mut client).await else {
        return client
            .write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n")
            .await;
    };
    let acceptor = shared.acceptor(&host);
    shared.asked.lock().expect("no holder panics").push(host);
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(("127.0.0.1", shared.server_port)).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// The host of a `CONNECT` to port 443, read to the end of its head and not a byte further.
async fn host_asked_for(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut limited = client.take(MAX_HEAD);
    while !head.ends_with(b"\r\n\r\n") {
        head.push(limited.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.strip_prefix("CONNECT ")?.split(' ').next()?;
    target.strip_suffix(":443").map(str::to_owned)
}

impl Shared {
    fn acceptor(&self, host: &str) -> TlsAcceptor {
        let mut acceptors = self.acceptors.lock().expect("no holder panics");
        let made = acceptors
            .entry(host.to_owned())
            .or_insert_with(|| acceptor(&self.authority, host));
        made.clone()
    }
}

fn acceptor(authority: &CertifiedIssuer<'static, KeyPair>, host: &str) -> TlsAcceptor {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([host.to_owned()]).expect("a host name");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions that the provider has")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a key of this certificate");
    TlsAcceptor::from(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Recorder;

    fn client(names: &Names) -> reqwest::Client {
        let pem = std::fs::read(names.authority()).expect("a file");
        let authority = reqwest::Certificate::from_pem(&pem).expect("a certificate");
        reqwest::Client::builder()
            .proxy(reqwest::Proxy::https(names.proxy()).expect("a URL"))
            .tls_certs_only([authority])
            .build()
            .expect("a client")
    }

    #[tokio::test]
    async fn every_name_is_the_server_on_loopback() {
        let server = Recorder::start().await;
        let names = Names::leading_to(server.port()).await;
        for url in ["https://acme.eu.auth0.com/a", "https://github.com/b"] {
            let answer = client(&names).get(url).send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), 200);
        }
        assert_eq!(names.asked(), ["acme.eu.auth0.com", "github.com"]);
        let hosts: Vec<_> = server
            .take()
            .iter()
            .map(|request| format!("{} {}", request.line, request.values("host")[0]))
            .collect();
        assert_eq!(
            hosts,
            [
                "GET /a HTTP/1.1 acme.eu.auth0.com",
                "GET /b HTTP/1.1 github.com"
            ]
        );
    }

    #[tokio::test]
    async fn other_ports_and_plain_requests_lead_nowhere() {
        let server = Recorder::start().await;
        let names = Names::leading_to(server.port()).await;
        let client = client(&names);
        assert!(client.get("https://github.com:444/").send().await.is_err());
        let plain = client.get(names.proxy()).send().await.expect("an answer");
        assert_eq!(plain.status().as_u16(), 405);
        assert!(server.take().is_empty());
    }
}
