//! The process environment, and the only reader of it. One table says what every variable means;
//! the reference page is generated from it.

use std::{collections::BTreeMap, ffi::OsString, fmt, ops::Deref, path::Path, sync::LazyLock};

use oauthgate_remote::env::{SecretFile, Setting, table};

use super::{
    given::{Given, Mistakes, Origin, Words, nearest},
    secret,
};

/// What a setting belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The process; no file can say it.
    Process,
    /// The gate as a whole; the top level of the file.
    Gate,
    /// A protected resource; `[[resource]]` in the file.
    Resource,
    /// An issuer whose tokens open a resource; `[[resource]]`, or `[[resource.issuer]]` for several.
    Issuer,
}

/// One environment variable.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Variable {
    /// Its names, and what it means.
    pub setting: &'static Setting,
    /// What it belongs to.
    pub level: Level,
}

impl Deref for Variable {
    type Target = Setting;

    fn deref(&self) -> &Setting {
        self.setting
    }
}

/// The prefix of our own variables. A name with it that we do not know is a mistake: a setting that
/// does not take effect can be a hole.
pub const PREFIX: &str = "OAUTHGATE_";

macro_rules! variables {
    ($($name:literal, $key:literal, $level:ident, $default:expr, $expected:literal, $doc:literal $(, $secret:ident)?;)+) => {
        /// The gateway's own, beside those that a provider is made of.
        static OWN: &[(Level, Setting)] = &[$((
            Level::$level,
            Setting::new(
                ($name, $key), $default, $expected, $doc, variables!(@file $name, $key $(, $secret)?),
            ),
        ),)+];
    };
    (@file $name:literal, $key:literal) => { None };
    (@file $name:literal, $key:literal, secret) => {
        Some(SecretFile::new(concat!($name, "_FILE"), concat!($key, "_file")))
    };
}

variables! {
    "OAUTHGATE_UPSTREAM", "upstream", Resource, None,
    "the server behind the gate, for example http://127.0.0.1:3001",
    "Where good requests go. Without a path of its own it gets the request's path as it is; with one, that path replaces the resource's, and stands for the resource with and without a slash at the end.";

    "OAUTHGATE_SCOPES", "scopes", Resource, None,
    "scopes, separated by blanks or commas, for example tools:read",
    "The scopes for basic use, advertised in the resource's metadata and in challenges; the required ones unless set.";

    "OAUTHGATE_REQUIRED_SCOPES", "required_scopes", Resource, None,
    "scopes, separated by blanks or commas, for example tools:read",
    "The scopes that every request needs.";

    "OAUTHGATE_RESOURCE_NAME", "resource_name", Resource, None,
    "a name for people, for example Example Tools",
    "The resource's human-readable name, published in its metadata.";

    "OAUTHGATE_ALLOWED_ORIGINS", "allowed_origins", Resource, None,
    "web origins, for example https://app.example.com http://localhost:6274",
    "The browser origins that may call, beside the resource's own. Requests with another `Origin` get 403.";

    "OAUTHGATE_ALLOWED_HOSTS", "allowed_hosts", Resource, None,
    "host names with an optional port, for example mcp.internal:8080",
    "The `Host` values that are served, beside the resource's own. A loopback listener also serves `localhost` and its own address. What a trusted proxy says the host was stands for `Host`. Requests for another host get 403.";

    "OAUTHGATE_IDENTITY_HEADERS", "identity_headers", Resource, Some("auth-request"),
    "auth-request, remote or nothing",
    "Under which header names the upstream learns who is calling: `X-Auth-Request-User` and its kin, `Remote-User` and its kin, or not at all.";

    "OAUTHGATE_CONNECT_TIMEOUT", "connect_timeout", Resource, Some("5"),
    "seconds, 1 to 300",
    "How long a connection to the upstream may take, in seconds.";

    "OAUTHGATE_RESPONSE_TIMEOUT", "response_timeout", Resource, Some("60"),
    "seconds, 1 to 3600",
    "How long the upstream may take to begin its answer, in seconds, from the last piece of the request's body on.";

    "OAUTHGATE_RESPONSE_IDLE_TIMEOUT", "response_idle_timeout", Resource, Some("300"),
    "seconds, 1 to 86400",
    "How long the upstream may pause within an answer, in seconds; then the answer breaks off. Streams (`text/event-stream`, lines of JSON, gRPC, `multipart/x-mixed-replace`) may pause for as long as they like.";

    "OAUTHGATE_TUNNEL_IDLE_TIMEOUT", "tunnel_idle_timeout", Resource, Some("0"),
    "seconds, 1 to 604800, or 0 for no limit",
    "How long both sides of a WebSocket may be silent, in seconds; then it is closed. Peers that vanished are found out within two minutes without it.";

    "OAUTHGATE_MAX_BODY_BYTES", "max_body_bytes", Resource, Some("1073741824"),
    "a number of bytes, 1024 to 1125899906842624",
    "How long a request's body may be on its way to the upstream; a longer one is answered 413: by its `Content-Length` before the upstream hears of it, otherwise as soon as it is too long. Bodies are passed on as they come and take no memory. Where rules make the gate read them, `OAUTHGATE_MAX_MESSAGE_BYTES` holds as well.";

    "OAUTHGATE_MAX_RESPONSE_HEADER_BYTES", "max_response_header_bytes", Resource, Some("65536"),
    "a number of bytes, 8192 to 1048576",
    "How long the head of the upstream's answer may be; a longer one is answered 502.";

    "OAUTHGATE_POLICY_FILE", "policy_file", Resource, None,
    "the path of a TOML file with `[[rule]]`, `[scope_hierarchy]` and `[tools]`, for example /etc/oauthgate/policy.toml",
    "Who may do what, for those who configure by environment. In `oauthgate.toml` the same tables stand below `[[resource]]`, or the path of such a file does, relative to `oauthgate.toml`; not both.";

    "OAUTHGATE_LIST_FILTER", "list_filter", Resource, Some("callable"),
    "callable, reachable or off",
    "Which items of `tools/list`, `prompts/list`, `resources/list` and `resources/templates/list` a caller sees once there are rules: what it may use now, or also what more scopes or a login would open, or everything. A caller without a token who shall log in when it calls a tool must be able to see it: `reachable`.";

    "OAUTHGATE_STEP_UP", "step_up", Resource, Some("needed"),
    "needed or cumulative",
    "Which scopes a 403 with `insufficient_scope` names: those that the operation needs, or also those that the caller has, for clients that ask for nothing else than what they are told and lose what they had.";

    "OAUTHGATE_MAX_MESSAGE_BYTES", "max_message_bytes", Resource, Some("4194304"),
    "a number of bytes, 1024 to 268435456",
    "How long a request's body may be when rules make the gate read it; a longer one is answered 413. Every such request may hold as much memory while it arrives.";

    "OAUTHGATE_MESSAGE_TIMEOUT", "message_timeout", Resource, Some("120"),
    "seconds, 1 to 3600",
    "How long a request's body may take in all when rules make the gate read it, in seconds; a slower one is answered 408. `OAUTHGATE_BODY_TIMEOUT` holds as well.";

    "OAUTHGATE_MAX_LIST_BYTES", "max_list_bytes", Resource, Some("4194304"),
    "a number of bytes, 1024 to 268435456",
    "How long a list may be when rules make the gate filter it; a longer one is answered 502, because an unfiltered one would show what it must not.";

    "OAUTHGATE_RATE_LIMIT", "rate_limit", Resource, None,
    "a rate, for example 60/min, or one for each tier: free=60/min pro=600/min other=30/min",
    "How much each caller may do: requests in a second (`s`), minute (`min`), hour (`h`) or day (`day`), counted by subject behind authentication and policy. A request over it gets 429 with `Retry-After`. Callers whose tier is not named have the rate of `other`, and without it none. Limits by client, tenant, tool and more stand in `oauthgate.toml`: [their keys](limits.md). Nothing is limited by default.";

    "OAUTHGATE_RATE_LIMIT_BURST", "rate_limit_burst", Resource, None,
    "a whole number, 1 to 1000000",
    "How much of `OAUTHGATE_RATE_LIMIT` may come at once; the number of the rate unless set.";

    "OAUTHGATE_STREAM_EXPIRY", "stream_expiry", Resource, Some("close"),
    "close or keep",
    "What becomes of a stream (server-sent events, WebSocket) whose token expires: it ends, or it goes on.";

    "OAUTHGATE_STREAM_EXPIRY_GRACE", "stream_expiry_grace", Resource, Some("5"),
    "seconds, 0 to 300",
    "For how many seconds at the most a stream lives on after its token is refused.";

    "OAUTHGATE_LISTEN", "listen", Gate, Some("127.0.0.1:8080"),
    "an address with a port, for example 127.0.0.1:8080 or 0.0.0.0:8080",
    "Where traffic comes in. Port 0 picks a free one and says which.";

    "OAUTHGATE_ADMIN_LISTEN", "admin_listen", Gate, Some("127.0.0.1:9090"),
    "an address with a port, for example 127.0.0.1:9090",
    "Where `/livez`, `/readyz`, `/metrics`, `/version` and the operator's calls (`/keys`) are answered. Keep it off the public network. On loopback, requests for a `Host` that is not this machine get 403. It serves 32 connections at a time, with one request on each.";

    "OAUTHGATE_ADMIN_TOKEN", "admin_token", Gate, None,
    "at least 16 visible characters, for example what `openssl rand -base64 32` prints",
    "What a call that changes something on the admin listener (refresh, withdraw, restore, suspend, resume) must carry as `Authorization: Bearer`. Without it such calls are taken on loopback only, from any program of the machine; on another address they get 403. Probes, metrics and `GET /keys` need no token.",
    secret;

    "OAUTHGATE_TRUSTED_PROXIES", "trusted_proxies", Gate, None,
    "addresses or networks, for example 10.0.0.0/8 192.168.1.7",
    "The proxies in front of the gate that are believed about who the client is, and by which scheme and host it came: `Forwarded` (RFC 7239) and `X-Forwarded-For`, `-Proto` and `-Host` from them. Nobody is by default.";

    "OAUTHGATE_FORWARDED_HEADER", "forwarded_header", Gate, Some("auto"),
    "auto, forwarded, x-forwarded or none",
    "In which spelling trusted proxies are believed. `auto`: in both; a request with both gets 400 unless they agree, because a proxy that writes the one lets a client's own words in the other pass. With `forwarded` or `x-forwarded` the other is ignored.";

    "OAUTHGATE_PROXY_PROTOCOL", "proxy_protocol", Gate, Some("off"),
    "off or on",
    "Whether connections from trusted proxies begin with a header of the PROXY protocol, version 1 or 2. With `on` they must, all others must not, and the address in the header stands for the connection's: if it is a trusted proxy's too, `Forwarded` and `X-Forwarded-For` are read. The admin listener never expects one.";

    "OAUTHGATE_REFUSED_TOKENS", "refused_tokens", Gate, Some("60/min"),
    "a rate such as 60/min: a whole number per s, min, h or day",
    "How many refused tokens one client may send; all of them may come at once. Over that, its tokens that were good lately pass as ever, few of the others are verified, and the rest hears 429. Each replica counts for itself.";

    "OAUTHGATE_CLIENT_PREFIX_IPV4", "client_prefix_ipv4", Gate, Some("32"),
    "a number of bits, 8 to 32",
    "How many leading bits of an IPv4 address tell one client from another, for every limit that goes by address.";

    "OAUTHGATE_CLIENT_PREFIX_IPV6", "client_prefix_ipv6", Gate, Some("64"),
    "a number of bits, 32 to 128",
    "The same of an IPv6 address. With more than 64, whoever has a network changes its address at will, and counts as another client each time.";

    "OAUTHGATE_STATE_DIRECTORY", "state_directory", Gate, None,
    "the absolute path of a directory that only the gate uses, for example /var/lib/oauthgate",
    "Where the issuers' public keys and the withdrawn ones outlive the process, so that a start while an issuer is away serves at once and a withdrawn key stays withdrawn. Created with mode 0700 if it is missing; it must belong to the gate's user, and nobody else may write to it. Several gates of one machine may share it. Without it nothing is saved.";

    "OAUTHGATE_SESSION_SECRET", "session_secret", Gate, None,
    "at least 32 random bytes, the same on all replicas, for example what `openssl rand -base64 32` prints",
    "Binds the session ids of MCP servers of the older revisions to who opened them. Without it a key is derived from `OAUTHGATE_STATE_SECRET` where replicas share state, else made: kept in `OAUTHGATE_STATE_DIRECTORY` if there is one, and otherwise gone with the process, and the sessions with it.",
    secret;

    "OAUTHGATE_LOG_FORMAT", "log_format", Gate, Some("json"),
    "json or pretty",
    "How log lines look. What is logged follows `RUST_LOG`, for example `RUST_LOG=debug`.";

    "OAUTHGATE_ACCESS_LOG_SAMPLE", "access_log_sample", Gate, Some("1"),
    "a whole number, 0 to 1000000",
    "How many allowed requests share one access line: with 100, the first of each resource and then every hundredth has its line, which says `sample`; with 1 each has, with 0 none. Refusals and failures, and what the upstream answers with 5xx, are always written, and metrics count every request. [What that means for counting](../guides/logs.md#when-there-are-too-many).";

    "OAUTHGATE_WORKER_THREADS", "worker_threads", Gate, None,
    "a number of threads, 1 to 1024",
    "How many threads serve connections; one for each core that the process may use unless set. A connection stays on its thread, and a new one goes where there are fewest.";

    "OAUTHGATE_DRAIN_TIMEOUT", "drain_timeout", Gate, Some("25"),
    "seconds, 0 to 3600",
    "How long requests in flight may take after the first SIGTERM or SIGINT, in seconds. A second signal ends them at once.";

    "OAUTHGATE_IDLE_TIMEOUT", "idle_timeout", Gate, Some("75"),
    "seconds, 1 to 3600",
    "How long a connection may be idle, in seconds: from its begin or its last answer to the first byte of its next request; then it is closed. A load balancer in front must let go earlier (AWS: 60 s; Google Cloud: 600 s, so more is needed here).";

    "OAUTHGATE_HEADER_TIMEOUT", "header_timeout", Gate, Some("30"),
    "seconds, 1 to 3600",
    "How long the head of a request may take from its first byte to its last, in seconds; then the connection is closed.";

    "OAUTHGATE_BODY_TIMEOUT", "body_timeout", Gate, Some("60"),
    "seconds, 1 to 3600",
    "How long a client may pause within the body of a request, in seconds; then the request is answered 408, or cut if its answer has begun, and never looks whole to the upstream. How long a body takes in all is not limited.";

    "OAUTHGATE_SEND_TIMEOUT", "send_timeout", Gate, Some("60"),
    "seconds, 1 to 3600",
    "How long a client may take nothing of an answer that is there for it, in seconds; then its connection is closed, or its HTTP/2 stream is reset, and the upstream is let go. A stream on which there is nothing to take may be silent for as long as it likes.";

    "OAUTHGATE_MIN_RATE", "min_rate", Gate, Some("100"),
    "bytes a second, 1 to 1000000, or 0 for no such limit",
    "How fast a client must send a body or take an answer, on the average: each byte lets it pause for so much longer, but never for longer than `OAUTHGATE_BODY_TIMEOUT` or `OAUTHGATE_SEND_TIMEOUT`. Without it one byte a minute would hold a connection for ever. Time in which the client is not waited for does not count.";

    "OAUTHGATE_MAX_HEADER_BYTES", "max_header_bytes", Gate, Some("65536"),
    "a number of bytes, 8192 to 1048576",
    "How long the head of a request may be; a longer one is answered 431. HTTP/2 counts 32 bytes more for each header.";

    "OAUTHGATE_MAX_HEADERS", "max_headers", Gate, Some("100"),
    "a number of header lines, 10 to 10000",
    "How many header lines a request may have; one with more is answered 431 on HTTP/1.1 and 400 on HTTP/2.";

    "OAUTHGATE_MAX_CONNECTIONS", "max_connections", Gate, Some("10000"),
    "a number of connections, 1 to 1000000",
    "How many connections may be open at a time. Further ones wait in the kernel's queue. Each may take two descriptors: with fewer than that, and 64 to spare, under the hard limit (`ulimit -Hn`), a warning says how many connections are served.";

    "OAUTHGATE_MAX_CONNECTIONS_PER_ADDRESS", "max_connections_per_address", Gate, None,
    "a number of connections, 1 to 1000000",
    "How many of those connections may come from one client address (one IPv4 address, one IPv6 /64); further ones are closed at once. A quarter of `OAUTHGATE_MAX_CONNECTIONS` unless set. The proxies of `OAUTHGATE_TRUSTED_PROXIES` may have as many as they like.";

    "OAUTHGATE_MAX_IN_FLIGHT", "max_in_flight", Gate, Some("10000"),
    "a number of requests, 1 to 1000000",
    "How many requests may be under way at a time, from their arrival to the end of their answer. Further ones are answered 503 `overloaded` before anything is done for them. Metadata, preflights and the admin pages do not count, streams have a limit of their own.";

    "OAUTHGATE_MAX_STREAMS", "max_streams", Gate, Some("10000"),
    "a number of streams, 1 to 1000000",
    "How many streams (server-sent events, WebSockets) may be open at a time; further ones are answered 503 `overloaded`. A stream that answers a `POST` when all are taken counts as a request instead.";

    "OAUTHGATE_MAX_IN_FLIGHT_PER_SUBJECT", "max_in_flight_per_subject", Gate, None,
    "a number of requests, 1 to 1000000",
    "How many requests of one caller may be under way at a time; further ones are answered 429 `too_many_in_flight`. A quarter of `OAUTHGATE_MAX_IN_FLIGHT` unless set. A caller is a subject of an issuer and a tenant; without a token, a client address.";

    "OAUTHGATE_MAX_STREAMS_PER_SUBJECT", "max_streams_per_subject", Gate, None,
    "a number of streams, 1 to 1000000",
    "How many streams of one caller may be open at a time; further ones are answered 429 `too_many_streams`. A quarter of `OAUTHGATE_MAX_STREAMS` unless set. A stream that answers a `POST` when all are taken counts as a request instead.";

    "OAUTHGATE_REDIS_URL", "redis_url", Gate, None,
    "a Redis or Valkey server, for example redis://127.0.0.1:6379, or rediss://user:password@redis.internal:6379/0 for TLS",
    "Where replicas of the gate share keys, withdrawals and quotas: one replica's fetch serves all, a withdrawal reaches all within a second, and a caller has its quota once. When it is away each replica goes on alone. Needs `OAUTHGATE_STATE_SECRET`. With `OAUTHGATE_REDIS_CLUSTER`, some servers of a cluster, separated by blanks or commas. With `OAUTHGATE_REDIS_SENTINELS` it says how to log in at the master, and its host and port are not used.",
    secret;

    "OAUTHGATE_REDIS_CLUSTER", "redis_cluster", Gate, Some("false"),
    "true or false",
    "Whether the servers of `OAUTHGATE_REDIS_URL` are of a Redis Cluster. One is enough to find the others; name several to find them while that one is away. All are reached with the same scheme, user and password.";

    "OAUTHGATE_REDIS_SENTINELS", "redis_sentinels", Gate, None,
    "sentinels' URLs, separated by blanks or commas, for example redis://10.0.0.1:26379 redis://10.0.0.2:26379",
    "The sentinels that know where the master is. They are asked at each attempt to connect, and every few seconds whether it is still the same. User and password of a URL are those of the sentinel. Needs `OAUTHGATE_REDIS_SENTINEL_MASTER`.",
    secret;

    "OAUTHGATE_REDIS_SENTINEL_MASTER", "redis_sentinel_master", Gate, None,
    "the name of the master in the sentinels' configuration, for example mymaster",
    "The master that the sentinels of `OAUTHGATE_REDIS_SENTINELS` are asked about.";

    "OAUTHGATE_REDIS_TIMEOUT", "redis_timeout", Gate, Some("20"),
    "milliseconds, 1 to 1000",
    "How long a request waits for its count in Redis at most, in milliseconds; then this replica decides alone, or `OAUTHGATE_REDIS_LIMITS` says that nobody does. Nobody waits for a connection, or for a server that was silent for a tenth of a second.";

    "OAUTHGATE_REDIS_LIMITS", "redis_limits", Gate, Some("fallback"),
    "fallback or require",
    "What becomes of quotas while Redis is away: `fallback` lets each replica count alone, from where Redis stood; `require` answers requests that have a quota with 503 (`quota_unavailable`), and `/readyz` says that the replica is not ready.";

    "OAUTHGATE_REDIS_LOCAL_SHARE", "redis_local_share", Gate, Some("100"),
    "a percentage, 1 to 100",
    "How much of each quota a replica gives while it counts alone, in percent: 100 divided by the number of replicas keeps a caller that is spread over all of them within its quota.";

    "OAUTHGATE_STATE_SECRET", "state_secret", Gate, None,
    "at least 32 random bytes, the same on all replicas, for example what `openssl rand -base64 32` prints",
    "Seals what replicas share, so that nobody else who can write to Redis can plant a key. Required with `OAUTHGATE_REDIS_URL`.",
    secret;

    "OAUTHGATE_REDIS_CA_FILE", "redis_ca_file", Gate, None,
    "the path of a PEM file with certificate authorities, for example /etc/ssl/redis-ca.pem",
    "The certificate authorities that a `rediss://` server is checked against, instead of the system's and those of `OAUTHGATE_CA_FILE`.";

    "OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "danger_accept_dev_issuer", Process, Some("false"),
    "true or false",
    "Accepts the throw-away keys of `oauthgate dev-issuer`, and its answers about opaque tokens. Anybody who runs one can then mint tokens: for tests on loopback only.";

    "OAUTHGATE_DANGER_UNLIMITED_REFUSED_TOKENS", "danger_unlimited_refused_tokens", Process, Some("false"),
    "true or false",
    "Verifies every token however many bad ones its client sent before. Whoever can send requests can then keep the gate busy: only when something in front of it counts them.";

    "OAUTHGATE_DANGER_UNBOUND_SESSIONS", "danger_unbound_sessions", Process, Some("false"),
    "true or false",
    "Passes the session ids of MCP servers as they are. Whoever learns one can then use it with a token of its own: only for servers that bind sessions to users themselves.";

    "OAUTHGATE_CONFIG", "config", Process, None,
    "the path of a file, for example /etc/oauthgate.toml",
    "The configuration file. Without it `./oauthgate.toml` is read, if there is one.";
}

/// Every variable we read, in the order of the documentation.
pub static VARIABLES: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    let shared = [
        (Level::Resource, table::RESOURCE),
        (Level::Issuer, table::ISSUER),
        (Level::Gate, table::OUTBOUND),
    ];
    let shared = shared
        .into_iter()
        .flat_map(|(level, settings)| settings.iter().map(move |setting| (level, *setting)));
    let own = OWN.iter().map(|(level, setting)| (*level, setting));
    shared
        .chain(own)
        .map(|(level, setting)| Variable { setting, level })
        .collect()
});

/// The variable with this file key.
#[must_use]
pub(super) fn variable(key: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.key == key)
}

/// The variables of a process, or what a test says they are.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

/// Names only: some of the values are secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// This process's own.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "one of the two places that may")]
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
                .collect(),
        )
    }

    /// These and no other.
    pub fn of<N: Into<String>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// A variable that belongs to no setting of ours, such as `RUST_LOG`.
    #[must_use]
    pub fn foreign(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().filter(|value| !value.is_empty())
    }

    /// The text of any variable, for those that follow their own rules.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        Some(self.0.get(name)?.to_string_lossy().into_owned())
    }

    /// A set name that could be meant by one that is not set.
    pub(super) fn nearest_to(&self, missing: &str) -> Option<&str> {
        let stranger = |name: &&str| known_names().all(|known| known != *name);
        nearest(missing, self.0.keys().map(String::as_str).filter(stranger))
    }

    /// Our settings among the variables, with their keys; unknown names under our prefix are mistakes.
    pub(super) fn given(&self, mistakes: &mut Mistakes) -> Vec<(&'static Variable, Given)> {
        self.refuse_unknown(mistakes);
        VARIABLES
            .iter()
            .filter_map(|variable| Some((variable, self.read(variable, mistakes)?)))
            .collect()
    }

    /// What is set for one variable.
    pub(super) fn read(&self, variable: &Variable, mistakes: &mut Mistakes) -> Option<Given> {
        let mut set = variable
            .names()
            .filter_map(|name| Some((name, self.0.get(name)?)));
        let (name, value) = set.next()?;
        if let Some((other, _)) = set.next() {
            mistakes.add(
                other,
                None,
                format!("{name} is set as well"),
                "one of the two",
            );
            return None;
        }
        let Some(text) = value.to_str() else {
            mistakes.add(name, None, "the value is not UTF-8", variable.expected);
            return None;
        };
        let given = Given {
            setting: name.to_owned(),
            words: Words::One(text.to_owned()),
            origin: Origin::Environment,
            is_secret: variable.secret.is_some(),
        };
        if name == variable.name {
            return Some(given);
        }
        secret::out_of_file(given, Path::new(text), mistakes)
    }

    fn refuse_unknown(&self, mistakes: &mut Mistakes) {
        let ours = self
            .0
            .keys()
            .filter(|name| name.to_ascii_uppercase().starts_with(PREFIX) && !is_service_link(name));
        for name in ours.filter(|name| known_names().all(|known| known != name.as_str())) {
            let expected = match nearest(name, known_names()) {
                Some(meant) => format!("{meant}, if that is what you mean; otherwise remove it"),
                None => "only names that `oauthgate config reference` prints; remove it".to_owned(),
            };
            mistakes.add(
                name.as_str(),
                None,
                "there is no setting of this name",
                expected,
            );
        }
    }
}

fn known_names() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().flat_map(|variable| variable.names())
}

/// Kubernetes puts `OAUTHGATE_PORT_8080_TCP_ADDR` and its kin into every pod beside a service called
/// `oauthgate` (or `oauthgate-…`). They are nobody's setting.
fn is_service_link(name: &str) -> bool {
    let (head, tail) = name.rsplit_once("_SERVICE_").unwrap_or((name, ""));
    let port = |text: &str| {
        text.split_once("PORT_")
            .is_some_and(|(_, port)| port.starts_with(|c: char| c.is_ascii_digit()))
    };
    tail == "HOST" || tail.starts_with("PORT") || head.ends_with("_PORT") || port(name)
}
