//! Why Redis is away, in words that an operator may read.

use std::{borrow::Cow, time::Duration};

use oauthgate_core::text::Printable;
use redis::{ErrorKind, RedisError};

/// Why Redis is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// A stable code, for logs and metrics.
    pub(super) code: &'static str,
    /// What happened, escaped and cut.
    pub(super) detail: Cow<'static, str>,
}

impl Trouble {
    pub(super) fn of(error: &RedisError) -> Self {
        let code = match (error.kind(), error.code()) {
            (_, Some("READONLY")) => "read_only",
            (_, Some("NOPERM")) => "not_permitted",
            (_, Some("NOAUTH" | "WRONGPASS")) | (ErrorKind::AuthenticationFailed, _) => {
                "authentication_failed"
            }
            (_, Some("LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN")) => {
                "not_ready"
            }
            (_, Some(_)) => "refused",
            (ErrorKind::Io, _) => "unreachable",
            (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) => "nonsense",
            _ => "failed",
        };
        Self {
            code,
            detail: Printable(&error.to_string()).to_string().into(),
        }
    }

    pub(super) fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    pub(super) fn slow(limit: Duration) -> Self {
        Self {
            code: "too_slow",
            detail: format!("no answer within {} ms", limit.as_millis()).into(),
        }
    }

    pub(super) fn nonsense() -> Self {
        Self {
            code: "nonsense",
            detail: "it answered what no Redis would".into(),
        }
    }

    /// The server is one of a cluster, and we were not told.
    pub(super) fn in_a_cluster() -> Self {
        Self::new(
            "cluster",
            "it is part of a cluster: say so with OAUTHGATE_REDIS_CLUSTER=true",
        )
    }

    pub(super) fn aborted() -> Self {
        Self {
            code: "failed",
            detail: "the attempt to connect was aborted".into(),
        }
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        Self::of(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h1_what_a_server_says_is_escaped_and_cut() {
        let said = format!("a\r\nforged=line \u{1b}[31m{}", "x".repeat(1_000));
        let error = RedisError::from((ErrorKind::Client, "refused", said));
        let detail = Trouble::of(&error).detail;
        assert!(
            detail.contains("a\\r\\nforged=line \\u{1b}[31m"),
            "{detail}"
        );
        assert!(detail.len() < 300);
    }
}
