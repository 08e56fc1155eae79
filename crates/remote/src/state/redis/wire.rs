//! A connection to one server: TCP, TLS where the address says so, the login, and a ration of what the
//! server may say.

use std::{fmt, io, sync::Arc};

use oauthgate_core::SettingError;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisError, Value, aio::MultiplexedConnection};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{
    RedisAddress,
    ration::{Driver, Ration, Rationed},
};
use crate::outbound::CertificateAuthorities;

/// Opens connections to an address.
#[derive(Clone)]
pub(super) struct Dialer {
    address: RedisAddress,
    tls: Option<TlsConnector>,
}

/// A connection. Of questions asked at the same time each gets its own answer: the server answers in the
/// order in which it was asked, and an answer that nobody waits for any more keeps its place in it.
#[derive(Clone)]
pub(super) struct Wire {
    connection: MultiplexedConnection,
    ration: Ration,
    _driver: Arc<Driver>,
}

/// A command, and how long its answer may be.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) command: Cmd,
    /// In bytes, without what the protocol puts around it.
    pub(super) longest: usize,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialer({})", self.address)
    }
}

impl Dialer {
    /// # Errors
    /// An address with TLS, and no authority to check the server against.
    pub(super) fn new(address: RedisAddress) -> Result<Self, SettingError> {
        let tls = if address.is_encrypted() {
            let config = tls_trusting(address.authorities())?;
            Some(TlsConnector::from(Arc::new(config)))
        } else {
            None
        };
        Ok(Self { address, tls })
    }

    /// The same way to another server: as well encrypted, with the same login.
    pub(super) fn at(&self, host: &str, port: u16) -> Self {
        Self {
            address: self.address.at(host, port),
            tls: self.tls.clone(),
        }
    }

    pub(super) fn address(&self) -> &RedisAddress {
        &self.address
    }

    pub(super) async fn open(&self) -> Result<Wire, RedisError> {
        let host = self.address.host();
        let stream = TcpStream::connect((host, self.address.port())).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.log_in(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                self.log_in(tls.connect(name, stream).await?).await
            }
        }
    }

    /// Anybody may have taken the place of this server.
    async fn log_in<S>(&self, stream: S) -> Result<Wire, RedisError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let ration = Ration::new();
        let rationed = Rationed {
            stream,
            ration: ration.clone(),
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let settings = self.address.redis_settings();
        let (connection, driver) =
            MultiplexedConnection::new_with_config(settings, rationed, config).await?;
        let driver = Driver(tokio::spawn(driver).abort_handle());
        Ok(Wire {
            connection,
            ration,
            _driver: Arc::new(driver),
        })
    }
}

impl Wire {
    /// The answer, which may be an error that the server tells.
    pub(super) async fn ask(&mut self, question: &Question) -> Result<Value, RedisError> {
        self.ration.add(question.longest);
        self.connection.send_packed_command(&question.command).await
    }

    /// As [`Self::ask`] of a server that is about to become the one to ask: without the word before, it
    /// would send us away again.
    pub(super) async fn ask_in_advance(
        &mut self,
        question: &Question,
    ) -> Result<Value, RedisError> {
        self.ration.add(question.longest);
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.add_command(redis::cmd("ASKING"));
        pipeline.add_command(question.command.clone());
        let mut answers = self
            .connection
            .send_packed_commands(&pipeline, 0, 2)
            .await?;
        Ok(answers.pop().unwrap_or(Value::Nil))
    }
}

fn tls_trusting(
    authorities: Option<&CertificateAuthorities>,
) -> Result<ClientConfig, SettingError> {
    let unusable = |error: rustls::Error| {
        SettingError::new(
            format!("there are no certificates to check the server against: {error}"),
            "certificate authorities of the system, or OAUTHGATE_REDIS_CA_FILE",
        )
    };
    let Some(authorities) = authorities else {
        return CertificateAuthorities::default()
            .client_config()
            .map_err(unusable);
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let mut roots = RootCertStore::empty();
    for certificate in authorities.certificates() {
        roots.add(certificate.clone()).map_err(unusable)?;
    }
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
