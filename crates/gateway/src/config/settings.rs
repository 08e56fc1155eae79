//! What the gate needs to know: resolved, typed, checked against each other. Holds no handle, no
//! client and no key, and no `Option` that means "decided later".

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use oauthgate_core::{ScopeSet, quota::Quota};
use oauthgate_remote::{Outbound, ProviderSettings};
use oauthgate_tower::{ClientPrefixes, RefusedTokenBudget};
use secrecy::SecretString;
use url::Url;

pub use super::shared_state::SharedState;
use super::{
    limits::QuotaSettings,
    policy::{PolicySettings, StreamExpiry},
};
pub use crate::proxy::forwarded::ForwardedHeader;

/// Everything `serve` needs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Where traffic comes in; `OAUTHGATE_LISTEN`. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where probes and metrics are answered; `OAUTHGATE_ADMIN_LISTEN`.
    pub admin_listen: SocketAddr,
    /// What a call that changes something must carry on the admin listener; `OAUTHGATE_ADMIN_TOKEN`. Without
    /// one such calls are taken on loopback only.
    pub admin_token: Option<SecretString>,
    /// The protected resources; never empty, no two under one path.
    pub resources: Vec<ResourceSettings>,
    /// The proxies in front of us whose `Forwarded` and `X-Forwarded-*` are believed; empty by default.
    pub trusted_proxies: Vec<IpNet>,
    /// Which addresses count as one client; `OAUTHGATE_CLIENT_PREFIX_IPV4` and `OAUTHGATE_CLIENT_PREFIX_IPV6`.
    pub client_prefixes: ClientPrefixes,
    /// In which spelling they are believed; `OAUTHGATE_FORWARDED_HEADER`.
    pub forwarded_header: ForwardedHeader,
    /// Whether connections from them begin with a header of the PROXY protocol; `OAUTHGATE_PROXY_PROTOCOL`.
    pub proxy_protocol: bool,
    /// How many refused tokens one client may send; `OAUTHGATE_REFUSED_TOKENS`.
    pub refused_tokens: Quota,
    /// Whether it may send any number; `OAUTHGATE_DANGER_UNLIMITED_REFUSED_TOKENS`.
    pub unlimited_refused_tokens: bool,
    /// Where keys and withdrawals outlive the process; `OAUTHGATE_STATE_DIRECTORY`. Nowhere by default.
    pub state_directory: Option<PathBuf>,
    /// How authorization servers are reached; its certificate authorities are trusted for upstreams too.
    pub outbound: Outbound,
    /// How log lines look.
    pub log_format: LogFormat,
    /// How many allowed requests share one access line; `OAUTHGATE_ACCESS_LOG_SAMPLE`. With 0 they have none.
    pub access_log_sample: u32,
    /// Threads that serve connections; one for each core if `None`.
    pub worker_threads: Option<NonZeroUsize>,
    /// What a stranger may take of us.
    pub limits: Limits,
    /// What replicas share, if anything.
    pub shared_state: Option<SharedState>,
    /// What binds the sessions of MCP servers to their callers, the same on all replicas; `OAUTHGATE_SESSION_SECRET`.
    /// Without one a key is made.
    pub session_secret: Option<SecretString>,
    /// Whether session ids pass as the servers made them; `OAUTHGATE_DANGER_UNBOUND_SESSIONS`.
    pub unbound_sessions: bool,
    /// Whether the throw-away keys of `dev-issuer` are accepted (invariant 7): only in `demo` and in tests.
    pub accept_dev_issuer: bool,
}

impl Settings {
    /// The defaults around these resources: loopback listeners on 8080 and 9090.
    #[must_use]
    pub fn new(resources: Vec<ResourceSettings>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
            admin_token: None,
            resources,
            trusted_proxies: Vec::new(),
            client_prefixes: ClientPrefixes::default(),
            refused_tokens: RefusedTokenBudget::default_quota(),
            unlimited_refused_tokens: false,
            forwarded_header: ForwardedHeader::default(),
            proxy_protocol: false,
            state_directory: None,
            outbound: Outbound::default(),
            log_format: LogFormat::Json,
            access_log_sample: 1,
            worker_threads: None,
            limits: Limits::default(),
            shared_state: None,
            session_secret: None,
            unbound_sessions: false,
            accept_dev_issuer: false,
        }
    }
}

/// One protected resource: who may pass, and what stands behind it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ResourceSettings {
    /// A short name for log lines and metric labels.
    pub name: String,
    /// Whose tokens open it, and its canonical URI.
    pub provider: ProviderSettings,
    /// The path it is served under, without a trailing slash; empty for a resource at the root. `/mcp` serves
    /// `/mcp`, `/mcp/` and everything below, never `/mcpx`.
    pub path: String,
    /// What stands behind, http or https. An upstream without a path of its own gets the request's path as it is;
    /// one with a path gets it in place of [`Self::path`]: `/mcp/x` behind `http://127.0.0.1:3001/api` becomes `/api/x`,
    /// and both `/mcp` and `/mcp/` become `/api`, as it is written here.
    pub upstream: Url,
    /// The scopes that every request needs; `OAUTHGATE_REQUIRED_SCOPES`.
    pub required_scopes: ScopeSet,
    /// The browser origins (`https://app.example.com`) that may call, beside the resource's own;
    /// `OAUTHGATE_ALLOWED_ORIGINS`.
    pub allowed_origins: Vec<String>,
    /// The `Host` values that are served (`mcp.example.com`, `localhost:8080`), lower-case, without a default port.
    /// The resource's own host is among them.
    pub allowed_hosts: Vec<String>,
    /// What each MCP tool needs.
    pub tools: Tools,
    /// How the policy works, beside its rules.
    pub policy: PolicySettings,
    /// How much callers may do.
    pub quotas: QuotaSettings,
    /// What becomes of a stream whose token expires.
    pub stream_expiry: StreamExpiry,
    /// Under which names the upstream learns who is calling.
    pub identity_headers: IdentityHeaders,
    /// How long the upstream may take.
    pub timeouts: UpstreamTimeouts,
    /// How much may pass.
    pub sizes: Sizes,
}

impl ResourceSettings {
    /// The defaults for a resource: served under its identifier's own path and host, to every caller with a good token.
    #[must_use]
    pub fn new(provider: ProviderSettings, upstream: Url) -> Self {
        let path = provider.resource.path().trim_end_matches('/').to_owned();
        let name = path.trim_start_matches('/').replace('/', "-");
        Self {
            name: if name.is_empty() {
                "root".to_owned()
            } else {
                name
            },
            allowed_hosts: vec![host_of(provider.resource.origin())],
            path,
            upstream,
            required_scopes: ScopeSet::empty(),
            allowed_origins: Vec::new(),
            tools: Tools::default(),
            policy: PolicySettings::default(),
            quotas: QuotaSettings::default(),
            stream_expiry: StreamExpiry::default(),
            identity_headers: IdentityHeaders::default(),
            timeouts: UpstreamTimeouts::default(),
            sizes: Sizes::default(),
            provider,
        }
    }
}

/// The `Host` value that belongs to an origin: lower-case, without a default port.
fn host_of(origin: &str) -> String {
    origin
        .split_once("://")
        .map_or(origin, |(_, host)| host)
        .to_ascii_lowercase()
}

/// The scopes that MCP tools need. Without a rule for any tool, all of them need what the resource needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    /// Tool name → the scopes of a call.
    pub scopes: BTreeMap<String, ScopeSet>,
    /// What becomes of tools without a rule, once one tool has one.
    pub unlisted: UnlistedTools,
}

/// What becomes of a tool without a rule beside tools with one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnlistedTools {
    /// Nobody may call it.
    #[default]
    Refuse,
    /// Whoever may use the resource may call it.
    Allow,
}

impl Tools {
    /// Whether any tool has a rule, so that request bodies must be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }
}

/// Under which header names the upstream learns who is calling. The names of every preset are stripped
/// from what the caller sends, whichever preset is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityHeaders {
    /// `X-Auth-Request-User`, `-Email`, `-Groups`, `X-Auth-Issuer`, `-Kind`, `-Tenant`, `-Tier`, `-Scopes`, `-Client`.
    #[default]
    AuthRequest,
    /// `Remote-User`, `Remote-Email`, `Remote-Groups`.
    Remote,
    /// None: the upstream learns nothing.
    Nothing,
}

/// How long the upstream may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamTimeouts {
    /// To a connection.
    pub connect: Duration,
    /// From the request, or the last piece of its body, to the head of the response.
    pub response: Duration,
    /// The longest pause within a response. A stream (of events, for example) may pause for as long as it likes.
    pub pause: Duration,
    /// For how long both sides of a WebSocket may be silent; `None` for as long as they like.
    pub tunnel_idle: Option<Duration>,
}

impl Default for UpstreamTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(60),
            pause: Duration::from_secs(300),
            tunnel_idle: None,
        }
    }
}

/// How much may pass through a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// Bytes of a request's body on its way to the upstream.
    pub request_body: u64,
    /// Bytes of the head of the upstream's response.
    pub response_head: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            request_body: 1 << 30,
            response_head: 64 * 1024,
        }
    }
}

/// What a stranger may take of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections open at a time; further ones wait in the kernel's queue. Fewer are served where the
    /// process may not have two descriptors for each.
    pub connections: usize,
    /// Of those, how many may come from one network, unless it is a trusted proxy.
    pub connections_per_address: usize,
    /// Requests under way at a time, streams apart; further ones are turned away.
    pub in_flight: usize,
    /// Streams open at a time.
    pub streams: usize,
    /// Requests of one caller under way at a time.
    pub in_flight_per_subject: usize,
    /// Streams of one caller open at a time.
    pub streams_per_subject: usize,
    /// From a connection, or the last response on it, to the first byte of the next request.
    pub idle: Duration,
    /// From the first byte of a request's head to its last.
    pub head: Duration,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// The longest pause within a request's body.
    pub body: Duration,
    /// For how long a client may take nothing of a response.
    pub send: Duration,
    /// Bytes a second that a client must send or take on the average, once it is behind by the longest pause;
    /// none asks for pauses alone.
    pub rate: Option<NonZeroU32>,
    /// From the first signal to the cut of what is still in flight.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 2_500,
            in_flight: 10_000,
            streams: 10_000,
            in_flight_per_subject: 2_500,
            streams_per_subject: 2_500,
            // Longer than the 60 s of common load balancers: whoever lets go second loses no request.
            idle: Duration::from_secs(75),
            head: Duration::from_secs(30),
            header_bytes: 64 * 1024,
            headers: 100,
            body: Duration::from_secs(60),
            send: Duration::from_secs(60),
            rate: NonZeroU32::new(100),
            drain: Duration::from_secs(25),
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For a person at a terminal.
    Pretty,
}
