//! An authorization server that only shows its metadata and its keys, and the tokens that it would issue.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::token::{KEY_ID, RsaKey, claims, encode, now};

/// Nobody asks for longer.
const PATIENCE: Duration = Duration::from_secs(1);
/// What an `RSAPublicKey` is wrapped in (RFC 5280, `SubjectPublicKeyInfo`), after both lengths.
const RSA_ENCRYPTION: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// The running server; its thread ends with the process.
#[derive(Debug)]
pub(crate) struct Issuer {
    key: RsaKey,
    port: u16,
    is_away: Arc<AtomicBool>,
}

impl Issuer {
    /// Starts it on loopback.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let issuer = Self {
            key: RsaKey::generate(),
            port: listener.local_addr()?.port(),
            is_away: Arc::default(),
        };
        let [metadata, keys] = [issuer.metadata(), issuer.key_set()].map(|json| json.to_string());
        let is_away = Arc::clone(&issuer.is_away);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if !is_away.load(Ordering::Relaxed) {
                    // Whoever hangs up before the answer asks again.
                    let _ = answer(stream, &metadata, &keys);
                }
            }
        });
        Ok(issuer)
    }

    /// Its `iss`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Hangs up on everybody, or does so no more.
    pub(crate) fn is_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    pub(crate) fn key_set(&self) -> Value {
        json!({"keys": [self.key.jwk()]})
    }

    /// The public half as most servers want it.
    pub(crate) fn pem(&self) -> String {
        let text = STANDARD.encode(subject_public_key_info(&self.key.public_key()));
        let lines: Vec<_> = text
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }

    /// The public half as a DER `RSAPublicKey`.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        self.key.public_key()
    }

    /// The signed bytes and the signature of the token with this number.
    pub(crate) fn sign(&self, number: usize) -> (String, Vec<u8>) {
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": KEY_ID}).to_string();
        let claims = claims(&self.url(), now(), number).to_string();
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.key.sign(signed.as_bytes());
        (signed, signature)
    }

    /// The tokens with these numbers, made by two threads.
    pub(crate) fn tokens(&self, count: usize) -> Vec<String> {
        let mint = |numbers: std::ops::Range<usize>| {
            let token = |number| {
                let (signed, signature) = self.sign(number);
                format!("{signed}.{}", encode(signature))
            };
            numbers.map(token).collect::<Vec<_>>()
        };
        thread::scope(|scope| {
            let first = scope.spawn(|| mint(0..count / 2));
            let rest = mint(count / 2..count);
            [first.join().expect("keys sign"), rest].concat()
        })
    }

    fn metadata(&self) -> Value {
        let url = self.url();
        json!({
            "issuer": url, "jwks_uri": format!("{url}/.well-known/jwks.json"), "response_types_supported": ["code"],
            "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
        })
    }
}

fn answer(mut stream: TcpStream, metadata: &str, keys: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => head.extend_from_slice(&buffer[..read]),
        }
    }
    let document = if head.starts_with(b"GET /.well-known/jwks.json ") {
        keys
    } else {
        metadata
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{document}",
        document.len()
    )
}

fn subject_public_key_info(public_key: &[u8]) -> Vec<u8> {
    // A bit string begins with how many of its last bits are unused.
    let bits = der(0x03, &[&[0], public_key].concat());
    der(0x30, &[&RSA_ENCRYPTION, &*bits].concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len())
        .expect("a key is short")
        .to_be_bytes();
    [&[tag, 0x82, high, low], content].concat()
}
