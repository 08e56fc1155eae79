//! All requests of a run, made before it begins.

use crate::{issuer::Issuer, token::AUDIENCE};

/// How many tokens come again and again, where more than one does.
pub(crate) const CACHED: usize = 10_000;

/// Which tokens a server meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// One, with every request.
    Hot,
    /// [`CACHED`] of them, in turn.
    Cached,
    /// Another one with every request.
    New,
    /// Another one with every request, whose signature belongs to yet another.
    Bad,
}

/// Requests with tokens.
#[derive(Debug)]
pub(crate) struct Requests {
    good: Vec<Vec<u8>>,
    bad: Vec<Vec<u8>>,
}

impl Requests {
    /// So many different good ones, and as many bad ones.
    pub(crate) fn new(issuer: &Issuer, count: usize) -> Self {
        // One more, which nobody meets as a new one.
        let tokens = issuer.tokens(count.max(CACHED) + 1);
        let good = tokens.iter().map(|token| request("/mcp", token)).collect();
        let strangers = tokens.windows(2).take(count);
        let bad = strangers.map(|pair| request("/mcp", &forged(&pair[0], &pair[1])));
        Self {
            good,
            bad: bad.collect(),
        }
    }

    /// The one that everybody has met before.
    pub(crate) fn hot(&self) -> &[u8] {
        self.good.last().expect("there is always one more")
    }

    /// The credentials of the `number`th good one.
    pub(crate) fn credentials(&self, number: usize) -> &str {
        let head = std::str::from_utf8(&self.good[number]).expect("as it was written");
        let (_, credentials) = head
            .split_once("Authorization: ")
            .expect("as it was written");
        credentials.trim_end()
    }

    /// The `number`th request of a load.
    pub(crate) fn of(&self, load: Load, number: usize) -> &[u8] {
        match load {
            Load::Hot => self.hot(),
            Load::Cached => &self.good[number % CACHED],
            Load::New => &self.good[number],
            Load::Bad => &self.bad[number],
        }
    }
}

impl Load {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hot => "one hot token",
            Self::Cached => "10,000 tokens in turn",
            Self::New => "never-seen tokens",
            Self::Bad => "bad signatures",
        }
    }

    /// What every answer has to be.
    pub(crate) fn status(self) -> u16 {
        if self == Self::Bad { 401 } else { 200 }
    }

    /// Whether no request may be sent twice.
    pub(crate) fn is_used_up(self) -> bool {
        matches!(self, Self::New | Self::Bad)
    }
}

/// A request as an ordinary client writes it.
pub(crate) fn request(path: &str, token: &str) -> Vec<u8> {
    let host = AUDIENCE
        .trim_start_matches("https://")
        .trim_end_matches("/mcp");
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

/// One token's claims under another's signature.
fn forged(claims: &str, signature: &str) -> String {
    let [claims, signature] = [claims, signature].map(|token| token.rsplit_once('.'));
    let (Some((claims, _)), Some((_, signature))) = (claims, signature) else {
        unreachable!("tokens have dots")
    };
    format!("{claims}.{signature}")
}
