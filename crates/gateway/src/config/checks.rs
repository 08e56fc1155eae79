//! What is wrong between settings that are right on their own.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use oauthgate_remote::{ProviderSettings, env::table};
use oauthgate_tower::quota::Limit;
use url::{Host, Url};

use super::{
    given::Mistakes,
    proxies,
    settings::{Limits, ResourceSettings, Settings, SharedState},
    trust,
};

/// Adds every contradiction, and warns about what is legal and risky. Resources are compared with each
/// other only when all are there: a report names them by position.
pub(super) fn check(
    settings: &Settings,
    has_every_resource: bool,
    mistakes: &mut Mistakes,
) -> Vec<String> {
    listeners(settings, mistakes);
    proxies::check(settings, mistakes);
    for resource in &settings.resources {
        refuse_loop(settings, resource, mistakes);
    }
    if has_every_resource {
        refuse_collisions(&settings.resources, mistakes);
    }
    if mistakes.is_empty() {
        refuse_what_the_validator_refuses(&settings.resources, mistakes);
    }
    warnings(settings)
}

fn listeners(settings: &Settings, mistakes: &mut Mistakes) {
    if settings.listen == settings.admin_listen && settings.listen.port() != 0 {
        let value = settings.listen.to_string();
        mistakes.add(
            "OAUTHGATE_ADMIN_LISTEN",
            Some(&value),
            "traffic and the admin pages cannot share an address",
            "another port, for example 127.0.0.1:9090",
        );
    }
}

/// A gate in front of itself would answer every request by asking itself.
fn refuse_loop(settings: &Settings, resource: &ResourceSettings, mistakes: &mut Mistakes) {
    let ours =
        |listener: &SocketAddr| listener.port() != 0 && reaches(&resource.upstream, listener);
    let problem = if ours(&settings.listen) {
        "the upstream is the gate itself: requests would go round in circles"
    } else if ours(&settings.admin_listen) {
        "the upstream is the gate's own admin listener"
    } else if resource.upstream.origin() == resource.provider.resource.url().origin() {
        "the upstream is the resource's own public address: requests would come back to the gate"
    } else {
        return;
    };
    mistakes.add(
        "OAUTHGATE_UPSTREAM",
        Some(resource.upstream.as_str()),
        problem,
        "the address of the server behind the gate",
    );
}

/// Whether a URL, asked from this machine, ends at a listener.
fn reaches(url: &Url, listener: &SocketAddr) -> bool {
    let this_machine = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    let same_host = match url.host() {
        Some(Host::Ipv4(address)) => covers(listener.ip(), address.into(), this_machine),
        Some(Host::Ipv6(address)) => covers(listener.ip(), address.into(), this_machine),
        Some(Host::Domain(name)) => {
            (name == "localhost" || name.ends_with(".localhost")) && this_machine(listener.ip())
        }
        None => false,
    };
    same_host && url.port_or_known_default() == Some(listener.port())
}

fn covers(listener: IpAddr, asked: IpAddr, this_machine: impl Fn(IpAddr) -> bool) -> bool {
    listener == asked
        || (asked.is_unspecified() && this_machine(listener))
        || (listener.is_unspecified() && asked.is_loopback())
}

/// The last word is the validator's: what it would refuse at start is a mistake now.
fn refuse_what_the_validator_refuses(resources: &[ResourceSettings], mistakes: &mut Mistakes) {
    for (position, resource) in resources.iter().enumerate() {
        for mistake in resource.provider.mistakes() {
            let setting = match (resources, variable(&mistake.setting)) {
                ([_], Some(variable)) => variable.to_owned(),
                _ => format!("resource[{position}].{}", mistake.setting),
            };
            mistakes.add(
                setting,
                mistake.value.as_deref(),
                mistake.problem,
                mistake.expected,
            );
        }
    }
}

/// The variable of an issuer's setting, by its key.
fn variable(key: &str) -> Option<&'static str> {
    let setting = table::ISSUER.iter().find(|setting| setting.key == key)?;
    Some(setting.name)
}

/// No two resources may claim the same path, the same metadata document or the same name.
fn refuse_collisions(resources: &[ResourceSettings], mistakes: &mut Mistakes) {
    let paths = |resource: &ResourceSettings| {
        if resource.path.is_empty() {
            "/".to_owned()
        } else {
            resource.path.clone()
        }
    };
    refuse_twice(
        resources,
        "path",
        paths,
        "a path of its own for each resource",
        mistakes,
    );
    refuse_twice(
        resources,
        "server_url",
        |resource| resource.provider.resource.metadata_path(),
        "a `server_url` with a path of its own: the metadata document lives under it",
        mistakes,
    );
    refuse_twice(
        resources,
        "name",
        |resource| resource.name.clone(),
        "a `name` of its own for each resource",
        mistakes,
    );
}

fn refuse_twice(
    resources: &[ResourceSettings],
    key: &str,
    claim: impl Fn(&ResourceSettings) -> String,
    expected: &str,
    mistakes: &mut Mistakes,
) {
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    for (position, resource) in resources.iter().enumerate() {
        let claimed = claim(resource);
        if let Some(owner) = owners.get(&claimed) {
            mistakes.add(
                format!("resource[{position}].{key}"),
                Some(&claimed),
                format!("resource[{owner}] claims the same"),
                expected,
            );
        } else {
            owners.insert(claimed, position);
        }
    }
}

fn warnings(settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(open_admin_pages(settings));
    if settings.accept_dev_issuer {
        warnings.push(
            "the throw-away keys of dev-issuer are accepted: anybody who runs one can mint tokens"
                .to_owned(),
        );
    }
    if settings.unlimited_refused_tokens {
        warnings.push(
            "refused tokens are not counted: whoever can send requests can keep the gate busy with made-up ones"
                .to_owned(),
        );
    }
    if settings.unbound_sessions {
        warnings.push(
            "session ids of MCP servers are not bound to callers: whoever learns one can use it with any good token"
                .to_owned(),
        );
    }
    warnings.extend(proxies::warnings(settings));
    warnings.extend(hasty_rate(settings));
    warnings.extend(greedy_callers(&settings.limits));
    warnings.extend(trust::warnings(&settings.resources));
    warnings.extend(
        settings
            .shared_state
            .as_ref()
            .and_then(SharedState::warning),
    );
    for resource in &settings.resources {
        warnings.extend(last_slashes(&resource.provider));
        warnings.extend(open_rules(resource));
        warnings.extend(unlimited_callers(resource));
    }
    warnings
}

/// A phone at the edge of its network sends about so many bytes a second.
const HASTY: u32 = 2_000;

fn hasty_rate(settings: &Settings) -> Option<String> {
    let rate = settings.limits.rate.filter(|rate| rate.get() > HASTY)?;
    Some(format!(
        "OAUTHGATE_MIN_RATE: clients that are slower than {rate} bytes a second are cut, and honest ones on a bad network are among them"
    ))
}

/// Nobody should find out from the access log that everybody is let in.
fn open_rules(resource: &ResourceSettings) -> Option<String> {
    let policy = resource.policy();
    let names: Vec<_> = policy
        .open_rules()
        .map(|name| format!("\"{name}\""))
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "{}: what these rules are about is open to everybody, callers without a token included: {}",
            resource.name,
            names.join(", ")
        )
    })
}

/// A token that names no tier is `free`: whoever lists other tiers only has probably not meant that.
fn unlimited_callers(resource: &ResourceSettings) -> Option<String> {
    let limits = resource.quotas.limits.iter();
    let names: Vec<_> = limits
        .filter(|limit| limit.tiers().next().is_some() && !limit.has_quota_for(Some("free")))
        .map(Limit::name)
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "{}: callers whose token names no tier, which makes them free, are not limited by: {}; give it a `rate`, or free a rate of its own",
            resource.name,
            names.join(", ")
        )
    })
}

/// A limit for one that is above the limit for all keeps nobody from taking everything.
fn greedy_callers(limits: &Limits) -> impl Iterator<Item = String> {
    let pairs = [
        (
            (
                "OAUTHGATE_MAX_CONNECTIONS_PER_ADDRESS",
                limits.connections_per_address,
            ),
            ("OAUTHGATE_MAX_CONNECTIONS", limits.connections),
        ),
        (
            (
                "OAUTHGATE_MAX_IN_FLIGHT_PER_SUBJECT",
                limits.in_flight_per_subject,
            ),
            ("OAUTHGATE_MAX_IN_FLIGHT", limits.in_flight),
        ),
        (
            (
                "OAUTHGATE_MAX_STREAMS_PER_SUBJECT",
                limits.streams_per_subject,
            ),
            ("OAUTHGATE_MAX_STREAMS", limits.streams),
        ),
    ];
    let greedy = pairs.into_iter().filter(|((_, one), (_, all))| one > all);
    greedy.map(|((name, one), (of_all, all))| {
        format!(
            "{name} ({one}) is more than {of_all} ({all}): one caller can take the places of all"
        )
    })
}

fn open_admin_pages(settings: &Settings) -> Option<String> {
    let changes = match &settings.admin_token {
        Some(_) => "whoever listens in can read OAUTHGATE_ADMIN_TOKEN when it is used",
        None => "calls that change something are refused unless OAUTHGATE_ADMIN_TOKEN is set",
    };
    (!settings.admin_listen.ip().is_loopback()).then(|| {
        format!(
            "the admin listener {} is open to the network: metrics and key status are readable by whoever reaches it; {changes}",
            settings.admin_listen
        )
    })
}

/// Clients ask for tokens for the resource, byte for byte, and audiences are compared byte for byte.
fn last_slashes(provider: &ProviderSettings) -> Option<String> {
    let resource = provider.resource.as_str();
    let without = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
    let audiences = provider
        .issuers
        .iter()
        .map(|issuer| &issuer.audiences)
        .filter(|audiences| {
            audiences
                .iter()
                .all(|audience| audience.as_str() != resource)
        });
    let near = audiences
        .flatten()
        .find(|audience| without(audience.as_str()) == without(resource))?;
    Some(format!(
        "the resource {resource} and the audience {near} differ in the last slash only: a token for the one is no token for the other"
    ))
}
