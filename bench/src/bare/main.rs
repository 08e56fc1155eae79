//! As little as a proxy of hyper's own parts can be: server, client, keep-alive, one thread, no check of anything.
//! With `--verify`, one raw RS256 signature check for each request: what a gate costs that does nothing else.

use std::{
    error::Error,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use clap::Parser;
use http::{HeaderValue, Request, Response, Uri, Version, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpListener;

/// A bare proxy of hyper, for `cargo xtask bench speed`.
#[derive(Debug, Parser)]
#[command(name = "oauthgate-bench-bare")]
struct Options {
    /// The port of loopback to listen at
    #[arg(long)]
    listen: u16,
    /// The port of loopback to pass requests on to
    #[arg(long)]
    upstream: u16,
    /// A directory with `key.der`, `signed` and `signature`: checked once for each request
    #[arg(long)]
    verify: Option<PathBuf>,
}

type Problem = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            anstream::eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: &Options) -> Result<(), Problem> {
    let proxy = Arc::new(Proxy::new(options)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.listen)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let proxy = Arc::clone(&proxy);
        let service = service_fn(move |request| pass(Arc::clone(&proxy), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

struct Proxy {
    client: Client<HttpConnector, Incoming>,
    upstream: Uri,
    host: HeaderValue,
    signed: Option<Signed>,
}

impl Proxy {
    fn new(options: &Options) -> Result<Self, Problem> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.upstream)).to_string();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            upstream: format!("http://{address}/mcp").parse()?,
            host: HeaderValue::try_from(address)?,
            signed: options.verify.as_deref().map(Signed::read).transpose()?,
        })
    }
}

async fn pass(
    proxy: Arc<Proxy>,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Problem> {
    if let Some(signed) = &proxy.signed {
        signed.verify()?;
    }
    *request.uri_mut() = proxy.upstream.clone();
    *request.version_mut() = Version::HTTP_11;
    request
        .headers_mut()
        .insert(header::HOST, proxy.host.clone());
    Ok(proxy.client.request(request).await?)
}

/// One signature, with everything prepared that can be prepared.
struct Signed {
    key: ParsedPublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    fn read(directory: &Path) -> Result<Self, Problem> {
        let key = fs::read(directory.join("key.der"))?;
        Ok(Self {
            key: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)?,
            message: fs::read(directory.join("signed"))?,
            signature: fs::read(directory.join("signature"))?,
        })
    }

    fn verify(&self) -> Result<(), Problem> {
        Ok(self.key.verify_sig(&self.message, &self.signature)?)
    }
}
