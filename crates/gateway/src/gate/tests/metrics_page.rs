//! `docs/reference/metrics.md` is generated from what a running gate says about itself.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use oauthgate_core::{ScopeSet, context::TokenMode};
use oauthgate_remote::{
    IntrospectionCredentials, IntrospectionSettings, introspection::Secret,
    state::redis::RedisAddress,
};
use oauthgate_tower::quota::{By, Limit};
use serde_json::json;

use super::support::Running;
use crate::config::{Settings, SharedState, UnlistedTools};

const HEAD: &str = "\
<!-- Generated: `UPDATE_REFERENCE=1 cargo test -p oauthgate --lib metrics_page`; a test fails when it is stale. -->

# Metrics

`GET /metrics` on the admin listener, in the OpenMetrics text format that Prometheus reads. Every label comes from the
configuration or from a closed list: no stranger can make a new series. What to watch and when to wake somebody:
[Keys: rotation, outage, attack](../guides/keys.md#what-to-alert-on).

| Label | What it says |
|---|---|
| `resource` | the resource's name; `none` where no resource lives |
| `outcome` of a request | `allowed`, `answered` (by the gate itself, to anybody), `refused` or `failed` |
| `reason` of a request | `ok`, or one of [these codes](reasons.md) |
| `reason` of a slow peer | `slow_head`, `slow_request`, `stalled_client`, `stalled_upstream`, `idle_tunnel` or `rapid_reset`; [what they mean](../guides/limits.md#slow-peers) |
| `rule` | a rule by its name in the configuration, or by its number (`#1`); `none` where no rule is about what was asked |
| `decision` | `allowed`, `challenged` (for a scope), `login` (nobody was calling, and the rule is not for everybody) or `refused` |
| `limit` | a limit by its name in the configuration; `per-subject` is the one of `OAUTHGATE_RATE_LIMIT` |
| `decision` of a limit | `within`, `over` (it refused the request), or `spared` (another limit did, so it was charged nothing) |
| `issuer` | the issuer as it is configured; with a template, `OAUTH_ISSUER_URL` |
| `store` | `1`; further numbers where resources hold the keys of one issuer under different settings |
| `answer` to a refused token | `challenged` (401, within the budget), `limited` (looked at over budget: 429, or 401 if it may have been good once), `unverified` (429, nobody looked at it) |
| `outcome` of a fetch | `none` before the first, `ok`, or why it failed: `metadata_unavailable`, `metadata_issuer_mismatch`, `jwks_unavailable`, `no_usable_keys` |
| `fault` | what was wrong with the beginning of a connection: `missing`, `malformed`, `too_long`, `other_transport`, `checksum`, `slow`, `ended` (a trusted proxy's PROXY header) or `unexpected` (anybody else's) |
| `what` is turned away | `requests`, `streams` or `connections` |
| `version` | the version of the gate |

| Metric | Type | Labels | What it says |
|---|---|---|---|
";

/// What the text says about one family.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: Vec<String>,
}

/// The endpoint of [`shares`] is not there.
#[tokio::test]
async fn an_authorization_server_that_cannot_be_asked_is_warned_about_and_counted() {
    let gate = Running::with("test-1", shares).await;
    gate.ready().await;
    let answer = gate
        .ask("GET /mcp HTTP/1.1", &["Authorization: Bearer opaque"])
        .await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("www-authenticate"), "");
    let report = gate.ask_admin("/readyz").await;
    assert_eq!(report.status, 200, "tokens with signatures go on");
    let report = report.json();
    assert_eq!(
        report["introspection"][0]["last_failure"],
        "introspection_unavailable"
    );
    let warnings = report["warnings"].as_array().unwrap();
    let codes: Vec<_> = warnings.iter().map(|warning| &warning["warning"]).collect();
    assert!(codes.contains(&&json!("introspection_fails")), "{codes:?}");
    let metrics = gate.ask_admin("/metrics").await.body;
    for (name, value) in [
        ("questions_total", "1"),
        ("failed_total", "1"),
        ("failing", "1.0"),
    ] {
        let start = format!("oauthgate_introspection_{name}{{");
        let end = format!(" {value}");
        let mut lines = metrics.lines();
        let found = lines.any(|line| line.starts_with(&start) && line.ends_with(&end));
        assert!(found, "{name} {value}: {metrics}");
    }
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "how a person asks for a new page"
)]
async fn the_page_of_metrics_is_fresh() {
    let gate = Running::with("test-1", shares).await;
    gate.ready().await;
    gate.call_tool("any", json!({})).await;
    let page = page(&gate.ask_admin("/metrics").await.body);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap();
    assert!(
        written == page,
        "stale: UPDATE_REFERENCE=1 cargo test -p oauthgate --lib metrics_page"
    );
}

/// With a Redis that is not there, and an issuer that is asked about tokens: what is shared and what is
/// asked has metrics as well.
fn shares(settings: &mut Settings) {
    settings.resources[0].tools.unlisted = UnlistedTools::Allow;
    let tools = &mut settings.resources[0].tools.scopes;
    tools.insert("any".to_owned(), ScopeSet::empty());
    let limit = Limit::new("per-user", [By::Subject]).unwrap();
    let limit = limit.rate("60/min".parse().unwrap());
    settings.resources[0].quotas.limits.push(limit);
    let issuer = &mut settings.resources[0].provider.issuers[0];
    issuer.profile.token_mode = TokenMode::Auto;
    let credentials = IntrospectionCredentials::Basic {
        client_id: "gate".to_owned(),
        secret: Secret::new("secret"),
    };
    let endpoint = "http://127.0.0.1:1/introspect".parse().unwrap();
    issuer.introspection = Some(IntrospectionSettings::new(credentials).at(endpoint));
    let address = RedisAddress::parse("redis://127.0.0.1:1").unwrap();
    let secret = "a secret of more than thirty-two bytes".into();
    settings.shared_state = Some(SharedState::new(address, secret));
}

fn page(text: &str) -> String {
    let mut page = String::from(HEAD);
    for (name, family) in families(text) {
        assert!(family.help.ends_with('.'), "{name}: {}", family.help);
        let labels: Vec<_> = family
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            sampled(&name, &family.kind),
            family.kind,
            labels.join(" "),
            family.help
        )
        .unwrap();
    }
    page
}

/// An alert on a metric that does not exist never wakes anybody.
#[test]
fn the_guides_name_only_metrics_that_there_are() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let page = fs::read_to_string(docs.join("reference/metrics.md")).unwrap();
    let mut named = 0;
    for guide in fs::read_dir(docs.join("guides")).unwrap() {
        let path = guide.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for name in metrics_in(&text) {
            named += 1;
            let row = format!("| `{name}");
            assert!(page.contains(&row), "{name} in {}", path.display());
        }
    }
    assert!(named > 10, "{named}");
}

/// Words that begin as our metrics do, and are no crates of ours.
fn metrics_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    // Crates, and a member of throw-away keys.
    let others = ["core", "remote", "tower", "mcp", "dev_key"];
    words.filter(move |word| {
        let rest = word.strip_prefix("oauthgate_");
        rest.is_some_and(|rest| !others.contains(&rest))
    })
}

/// The name that a query needs.
fn sampled(name: &str, kind: &str) -> String {
    match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        "histogram" => format!("{name}_bucket"),
        _ => name.to_owned(),
    }
}

fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), help) => {
                name.clone_into(&mut current);
                families.entry(current.clone()).or_default().help =
                    help.unwrap_or_default().to_owned();
            }
            (Some("#"), Some("TYPE"), Some(_), kind) => {
                families.entry(current.clone()).or_default().kind =
                    kind.unwrap_or_default().to_owned();
            }
            (Some("#"), ..) => {}
            (Some(_), ..) => {
                families.entry(current.clone()).or_default().labels = labels(line);
            }
            (None, ..) => {}
        }
    }
    families
}

fn labels(sample: &str) -> Vec<String> {
    let Some((_, rest)) = sample.split_once('{') else {
        return Vec::new();
    };
    let inside = rest.rsplit_once('}').map_or("", |(inside, _)| inside);
    let named = inside
        .split("\",")
        .filter_map(|pair| pair.split_once("=\""));
    named
        .map(|(name, _)| name.to_owned())
        .filter(|name| name != "le")
        .collect()
}
