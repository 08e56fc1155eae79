//! Sections into [`Settings`].

use std::num::NonZeroUsize;

use oauthgate_core::{ResourceIdentifier, Scope, ScopeSet};
use oauthgate_remote::{
    ProviderSettings,
    env::{issuer_from, token_cache_from, values::authorization_server},
};
use oauthgate_tower::ClientPrefixes;

use super::{
    concurrency,
    effective::Effective,
    env::Environment,
    given::Mistakes,
    issuer, limits, outbound,
    policy::{self, StreamExpiry},
    proxies,
    reader::Reader,
    section::{Section, Sections},
    settings::{ResourceSettings, Settings, Sizes, UpstreamTimeouts},
    shared_state, values, waiting,
};

/// What the sections come to.
#[derive(Default)]
pub(super) struct Resolved {
    /// Those of the gate with the resources that could be read.
    pub(super) settings: Option<Settings>,
    /// Whether no resource is left out.
    pub(super) is_complete: bool,
    pub(super) effective: Vec<Effective>,
}

/// Reads every section and collects every mistake.
pub(super) fn resolve(
    sections: &Sections,
    environment: &Environment,
    mistakes: &mut Mistakes,
) -> Resolved {
    let mut resolved = Resolved::default();
    let gate = gate(
        &sections.gate,
        Some(environment),
        &mut resolved.effective,
        mistakes,
    );
    let resources: Vec<_> = sections
        .resources
        .iter()
        .enumerate()
        .map(|(position, section)| {
            ResourceReader {
                section,
                position,
                environment,
            }
            .read(&mut resolved.effective, mistakes)
        })
        .collect();
    resolved.is_complete = resources.iter().all(Option::is_some);
    resolved.settings = gate.map(|gate| Settings {
        resources: resources.into_iter().flatten().collect(),
        ..gate
    });
    resolved
}

/// The gate's own settings, without resources. Everything is on this machine, so no proxy is looked for.
pub(super) fn gate_alone(section: &Section, mistakes: &mut Mistakes) -> Option<Settings> {
    gate(section, None, &mut Vec::new(), mistakes)
}

fn gate(
    section: &Section,
    environment: Option<&Environment>,
    effective: &mut Vec<Effective>,
    mistakes: &mut Mistakes,
) -> Option<Settings> {
    let mut reader = Reader {
        section,
        prefix: String::new(),
        environment,
        mistakes,
        effective,
    };
    let listen = reader.one("listen", values::listen_address);
    let admin_listen = reader.one("admin_listen", values::listen_address);
    let admin_token = reader.one("admin_token", values::admin_token);
    let trusted_proxies = reader.many("trusted_proxies", values::network);
    let client_prefixes = client_prefixes(&mut reader);
    let refused_tokens = reader.one("refused_tokens", str::parse);
    let unlimited_refused_tokens = reader.one("danger_unlimited_refused_tokens", values::boolean);
    let forwarded_header = reader.one("forwarded_header", proxies::forwarded_header);
    let proxy_protocol = reader.one("proxy_protocol", proxies::proxy_protocol);
    let state_directory = reader.one("state_directory", values::absolute_path);
    let outbound = outbound::read(&mut reader, environment);
    let log_format = reader.one("log_format", values::log_format);
    let access_log_sample = reader.one("access_log_sample", values::sample);
    let worker_threads = reader.one("worker_threads", |text| values::number(text, 1..=1024));
    let worker_threads = worker_threads.and_then(|count| usize::try_from(count).ok());
    let limits = waiting::limits(&mut reader);
    let concurrency = concurrency::read(&mut reader);
    let shared_state = shared_state::read(&mut reader);
    let session_secret = reader.one("session_secret", values::session_secret);
    let unbound_sessions = reader.one("danger_unbound_sessions", values::boolean);
    let accept_dev_issuer = reader.one("danger_accept_dev_issuer", values::boolean);
    Some(Settings {
        listen: listen?,
        admin_listen: admin_listen?,
        admin_token,
        trusted_proxies,
        client_prefixes: client_prefixes?,
        refused_tokens: refused_tokens?,
        unlimited_refused_tokens: unlimited_refused_tokens?,
        forwarded_header: forwarded_header?,
        proxy_protocol: proxy_protocol?,
        state_directory,
        outbound,
        log_format: log_format?,
        access_log_sample: access_log_sample?,
        worker_threads: worker_threads.and_then(NonZeroUsize::new),
        limits: concurrency?.of(limits?),
        shared_state,
        session_secret,
        unbound_sessions: unbound_sessions?,
        accept_dev_issuer: accept_dev_issuer?,
        ..Settings::new(Vec::new())
    })
}

fn client_prefixes(reader: &mut Reader<'_>) -> Option<ClientPrefixes> {
    let ipv4 = reader.one("client_prefix_ipv4", |text| values::number(text, 8..=32));
    let ipv6 = reader.one("client_prefix_ipv6", |text| values::number(text, 32..=128));
    let bits = |number: u64| u8::try_from(number).ok();
    Some(ClientPrefixes::new(bits(ipv4?)?, bits(ipv6?)?))
}

struct ResourceReader<'a> {
    section: &'a Section,
    position: usize,
    environment: &'a Environment,
}

impl ResourceReader<'_> {
    fn read(
        &self,
        effective: &mut Vec<Effective>,
        mistakes: &mut Mistakes,
    ) -> Option<ResourceSettings> {
        let mut reader = self.reader_of(self.section, effective, mistakes);
        let identifier = self.identifier(&mut reader);
        let upstream = reader.required("upstream", values::upstream);
        let advertised_scopes = scopes("scopes", &mut reader);
        let resource_name = reader.one("resource_name", values::text);
        let advertised_servers = reader.many("authorization_servers", authorization_server);
        let token_cache = token_cache_from(&mut reader);
        let dressing = self.dressing(&mut reader);
        let issuers = issuer::sections(self.section, mistakes)
            .into_iter()
            .enumerate()
            .map(|(number, section)| {
                let mut reader = self.reader_of(section, effective, mistakes);
                if !self.section.issuers.is_empty() {
                    reader.prefix = format!("{}issuer[{number}].", reader.prefix);
                }
                issuer_from(&mut reader, identifier.as_ref())
            })
            .collect::<Vec<_>>();
        let mut issuers = issuers.into_iter().collect::<Option<Vec<_>>>()?.into_iter();
        let mut provider = ProviderSettings::new(identifier?, issuers.next()?);
        provider.issuers.extend(issuers);
        provider.advertised_servers = advertised_servers;
        let required_scopes = dressing.as_ref().map(|dressing| &dressing.required_scopes);
        provider.advertised_scopes = match required_scopes {
            Some(required) if advertised_scopes.is_empty() => required.clone(),
            _ => advertised_scopes,
        };
        provider.resource_name = resource_name;
        provider.token_cache = token_cache?;
        Some(dressing?.dress(ResourceSettings::new(provider, upstream?)))
    }

    fn reader_of<'r>(
        &'r self,
        section: &'r Section,
        effective: &'r mut Vec<Effective>,
        mistakes: &'r mut Mistakes,
    ) -> Reader<'r> {
        Reader {
            section,
            prefix: self.prefix(),
            environment: Some(self.environment),
            mistakes,
            effective,
        }
    }

    /// What the resource is called in `config show`: nothing when the environment alone describes it.
    fn prefix(&self) -> String {
        if self.section.place.is_empty() {
            String::new()
        } else {
            format!("resource[{}].", self.position)
        }
    }

    fn identifier(&self, reader: &mut Reader<'_>) -> Option<ResourceIdentifier> {
        let identifier = reader.required("server_url", ResourceIdentifier::parse)?;
        if self.section.values.contains_key("path") || identifier.path().is_empty() {
            return Some(identifier);
        }
        match (
            values::path(identifier.path()),
            self.section.values.get("server_url"),
        ) {
            (Err(error), Some(given)) => {
                reader.mistakes.add_error(given, identifier.as_str(), error);
                None
            }
            _ => Some(identifier),
        }
    }

    fn dressing(&self, reader: &mut Reader<'_>) -> Option<Dressing> {
        let name = reader.one("name", values::label);
        let path = reader.one("path", values::path);
        let required_scopes = scopes("required_scopes", reader);
        let allowed_origins = reader.many("allowed_origins", values::web_origin);
        let allowed_hosts = reader.many("allowed_hosts", values::host);
        let policy = policy::read(reader);
        let quotas = limits::read(reader);
        let stream_expiry = policy::stream_expiry(reader);
        let identity_headers = reader.one("identity_headers", values::identity_headers);
        let timeouts = waiting::timeouts(reader);
        let sizes = waiting::sizes(reader);
        Some(Dressing {
            name,
            path,
            required_scopes,
            allowed_origins,
            allowed_hosts,
            policy: policy?,
            quotas: quotas?,
            stream_expiry: stream_expiry?,
            identity_headers: identity_headers?,
            timeouts: timeouts?,
            sizes: sizes?,
        })
    }
}

fn scopes(key: &'static str, reader: &mut Reader<'_>) -> ScopeSet {
    reader
        .many(key, |text| Scope::new(text))
        .into_iter()
        .collect()
}

/// What a resource has beside its issuers and its upstream.
struct Dressing {
    name: Option<String>,
    path: Option<String>,
    required_scopes: ScopeSet,
    allowed_origins: Vec<String>,
    allowed_hosts: Vec<String>,
    policy: policy::Read,
    quotas: limits::QuotaSettings,
    stream_expiry: StreamExpiry,
    identity_headers: super::IdentityHeaders,
    timeouts: UpstreamTimeouts,
    sizes: Sizes,
}

impl Dressing {
    fn dress(self, mut resource: ResourceSettings) -> ResourceSettings {
        resource.name = self.name.unwrap_or(resource.name);
        resource.path = self.path.unwrap_or(resource.path);
        resource.required_scopes = self.required_scopes;
        resource.allowed_origins = self.allowed_origins;
        resource.allowed_hosts.extend(self.allowed_hosts);
        resource.tools = self.policy.tools;
        resource.policy = self.policy.settings;
        resource.quotas = self.quotas;
        resource.stream_expiry = self.stream_expiry;
        resource.identity_headers = self.identity_headers;
        resource.timeouts = self.timeouts;
        resource.sizes = self.sizes;
        resource
    }
}
