//! An issuer that serves one key and signs whatever it is told, and a server behind the gate.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::SystemTime,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use super::gate::exchange;

/// One key, its name, and where it can be fetched.
pub(super) struct Issuer {
    key: EcdsaKeyPair,
    kid: &'static str,
    is_away: Arc<AtomicBool>,
    /// The key set that it serves.
    pub(super) key_set: String,
    /// `http://127.0.0.1:PORT`
    pub(super) base: String,
}

impl Issuer {
    /// Serves its key at every path.
    pub(super) fn start(kid: &'static str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let keys = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "kid": kid, "x": BASE64.encode(x), "y": BASE64.encode(y),
        }] });
        let is_away = Arc::new(AtomicBool::new(false));
        let away = Arc::clone(&is_away);
        let (keys, key_set) = (keys.to_string(), keys.to_string());
        let address = serve(move |_| (!away.load(Ordering::SeqCst)).then(|| keys.clone()));
        Self {
            key,
            kid,
            is_away,
            key_set,
            base: format!("http://{address}"),
        }
    }

    /// From now on it closes every connection without a word.
    pub(super) fn go_away(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }

    /// The environment of a gate that trusts it.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OAUTH_ISSUER_URL", self.base.clone()),
            ("OAUTHGATE_JWKS_URL", format!("{}/keys", self.base)),
            ("OAUTHGATE_UPSTREAM", upstream()),
        ]
    }

    /// A token with these claims over the good ones.
    pub(super) fn token(&self, changes: &Value) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mut claims = json!({
            "iss": self.base, "sub": "alice", "aud": "api", "iat": now, "exp": now + 300,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": self.kid });
        let signed = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims.to_string())
        );
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap();
        format!("{signed}.{}", BASE64.encode(signature))
    }

    /// What a gate answers to a good token of this issuer.
    pub(super) fn status_at(&self, gate: SocketAddr) -> u16 {
        present(gate, &self.token(&json!({}))).0
    }
}

/// What a gate answers to a token: the status and the body.
pub(super) fn present(gate: SocketAddr, token: &str) -> (u16, String) {
    let head =
        format!("GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer {token}");
    let answer = exchange(gate, &head);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A server that says who is calling, as the gate told it.
pub(super) fn upstream() -> String {
    let address = serve(|head| {
        let told = head
            .iter()
            .filter(|line| line.to_ascii_lowercase().starts_with("x-auth-"));
        Some(
            told.map(|line| format!("{}\n", line.to_ascii_lowercase()))
                .collect(),
        )
    });
    format!("http://{address}")
}

/// Answers every request with what follows from its head, if anything does, for as long as the test runs.
fn serve(answer: impl Fn(&[String]) -> Option<String> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that leaves early is its own affair.
            let _ = answer_one(stream, &answer);
        }
    });
    address
}

fn answer_one(
    mut stream: TcpStream,
    answer: &impl Fn(&[String]) -> Option<String>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    for line in BufReader::new(&stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let Some(body) = answer(&head) else {
        return Ok(());
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
