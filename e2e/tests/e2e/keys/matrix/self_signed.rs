//! Keys behind TLS that fails: below it, or by a certificate that nobody vouches for.

use std::sync::Arc;

use oauthgate_e2e::{Behaviour, Outlet, Signer};
use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
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

/// A server to be called by `https`.
pub(super) enum SelfSigned {
    /// Its handshake fails so.
    Broken(Outlet),
    /// Its handshake is fine, its keys are the true ones, its certificate is its own word.
    Unvouched { port: u16, task: JoinHandle<()> },
}

impl SelfSigned {
    pub(super) async fn start(broken: Option<Behaviour>, signer: &Signer) -> Self {
        let Some(behaviour) = broken else {
            return Self::unvouched(signer.jwk_set().to_string()).await;
        };
        let outlet = Outlet::start(Vec::new()).await;
        outlet.behave(behaviour).await;
        Self::Broken(outlet)
    }

    async fn unvouched(document: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let acceptor = acceptor();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), document.clone()));
            }
        });
        Self::Unvouched { port, task }
    }

    pub(super) fn url(&self) -> String {
        let port = match self {
            Self::Broken(outlet) => outlet.port(),
            Self::Unvouched { port, .. } => *port,
        };
        format!("https://127.0.0.1:{port}/keys")
    }
}

impl Drop for SelfSigned {
    fn drop(&mut self) {
        if let Self::Unvouched { task, .. } = self {
            task.abort();
        }
    }
}

fn acceptor() -> TlsAcceptor {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]);
    let certificate = params.and_then(|params| params.self_signed(&key));
    let certificate = certificate.expect("a certificate").der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions that the provider has")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a key of this certificate");
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, document: String) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let _ = stream.read(&mut [0; 4096]).await?;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        document.len()
    );
    stream.write_all((head + &document).as_bytes()).await?;
    stream.shutdown().await
}
