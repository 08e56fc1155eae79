//! The issuers that a gate trusts: their key stores, and which resources use them. Readiness, metrics
//! and the operator's calls all look here, so they cannot disagree.

mod introspection;

use std::{sync::Arc, time::Duration};

use oauthgate_core::{Issuer, text::Printable};
use oauthgate_remote::{
    KeyStatus, KeyStores, OAuth21Provider,
    jwks::{HeldKey, KeyStore},
    state::SharedStatus,
};
use serde::Serialize;

pub use introspection::Introspection;

/// All issuers of a gate. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Issuers {
    keys: KeyStores,
    trusted: Arc<[Trusted]>,
}

/// One key store, and who uses it.
#[derive(Debug)]
pub struct Trusted {
    store: Arc<KeyStore>,
    /// Counts the stores of one issuer, from 1: resources may hold its keys under other settings.
    number: usize,
    resources: Vec<String>,
}

/// How one issuer is doing, for people and their programs.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The issuer.
    pub issuer: String,
    /// Tells the stores of one issuer apart, from 1.
    pub store: usize,
    /// The names of the resources whose tokens it issues.
    pub resources: Vec<String>,
    /// Where its keys come from: the file or the URL that the operator named, or "metadata".
    pub place: String,
    /// Whether its tokens can be verified now.
    pub usable: bool,
    /// Whether it needs no keys: a shared secret verifies its tokens, or it is asked about all of them.
    pub keys_optional: bool,
    /// Keys held and used.
    pub keys: usize,
    /// Members of the set that are not used.
    pub skipped_keys: usize,
    /// Since the issuer last confirmed its keys.
    pub age_seconds: Option<u64>,
    /// For how long they may still be used without another word from it.
    pub remaining_seconds: Option<u64>,
    /// Whether the keys have outlived their own life, and are used because the issuer cannot be asked.
    pub stale: bool,
    /// Whether the operator suspended the issuer.
    pub suspended: bool,
    /// The names of the keys that the operator withdrew.
    pub withdrawn: Vec<String>,
    /// Attempts to fetch keys, successful or not.
    pub fetches: u64,
    /// The code of the last failure, if the last attempt failed.
    pub last_failure: Option<&'static str>,
    /// What that attempt tried and what came back.
    pub failure_detail: Option<String>,
}

/// How sharing keys, withdrawals and quotas with other replicas is doing.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Sharing {
    /// Where it lies: on a `single` server, in a `cluster`, or on the master of `sentinel`s.
    pub mode: &'static str,
    /// Whether the others can be reached; if not, this replica goes on alone.
    pub connected: bool,
    /// For how long that has been so.
    pub since_seconds: u64,
    /// The code of what is wrong.
    pub trouble: Option<&'static str>,
    /// What happened.
    pub trouble_detail: Option<String>,
    /// Key sets taken over from other replicas.
    pub adopted: u64,
    /// Key sets told to other replicas.
    pub published: u64,
    /// Entries of the shared state that were refused.
    pub refused: u64,
}

impl From<SharedStatus> for Sharing {
    fn from(status: SharedStatus) -> Self {
        let (trouble, trouble_detail) = status.trouble.unzip();
        Self {
            mode: status.mode,
            connected: status.connected,
            since_seconds: status.since.as_secs(),
            trouble,
            trouble_detail,
            adopted: status.adopted,
            published: status.published,
            refused: status.refused,
        }
    }
}

impl Sharing {
    /// What an operator should know: nothing before the first attempt to connect has ended.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        let code = self.trouble?;
        let since = time(Duration::from_secs(self.since_seconds));
        let detail = self.trouble_detail.as_deref().unwrap_or_default();
        Some(Warning {
            warning: "replicas_unreachable",
            issuer: None,
            detail: format!(
                "this replica has been alone for {since}: it fetches keys and counts quotas by itself, and \
                 withdrawals reach it and leave it later; {code}: {}",
                Printable(detail)
            ),
        })
    }
}

/// Something that an operator should know about an issuer, though its tokens may still be verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// One of a closed list: `suspended`, `no_keys`, `expired_keys`, `no_admitted_keys`, `stale_keys`, `last_fetch_failed`, `introspection_fails`, and
    /// `replicas_unreachable`, which concerns all issuers.
    pub warning: &'static str,
    /// The issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What happens, and until when.
    pub detail: String,
}

impl Issuers {
    /// The issuers of these resources, whose keys lie in these stores.
    #[must_use]
    pub fn new(keys: KeyStores, providers: &[(String, OAuth21Provider)]) -> Self {
        let mut trusted: Vec<Trusted> = Vec::new();
        for store in keys.stores() {
            let of_same = |other: &&Trusted| other.store.issuer() == store.issuer();
            trusted.push(Trusted {
                number: trusted.iter().filter(of_same).count() + 1,
                resources: users(&store, providers),
                store,
            });
        }
        Self {
            keys,
            trusted: trusted.into(),
        }
    }

    /// The key stores.
    #[must_use]
    pub fn keys(&self) -> &KeyStores {
        &self.keys
    }

    /// How sharing with other replicas is doing; `None` where nothing is shared.
    #[must_use]
    pub fn sharing(&self) -> Option<Sharing> {
        self.keys.shared_status().map(Sharing::from)
    }

    /// How asking authorization servers about tokens is doing, in the order of the settings.
    #[must_use]
    pub fn introspection(&self) -> Vec<Introspection> {
        let statuses = self.keys.introspection_status();
        let mut reports: Vec<Introspection> = Vec::with_capacity(statuses.len());
        for status in statuses {
            let of_same = |other: &&Introspection| other.status.issuer == status.issuer;
            let number = reports.iter().filter(of_same).count() + 1;
            reports.push(Introspection {
                store: number,
                status,
            });
        }
        reports
    }

    /// Each key store, in the order of the settings.
    #[must_use]
    pub fn trusted(&self) -> &[Trusted] {
        &self.trusted
    }

    /// The configured issuers, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let first = self.trusted.iter().filter(|trusted| trusted.number == 1);
        first
            .map(|trusted| trusted.store.issuer().as_str())
            .collect()
    }

    /// The key stores of this issuer, or of all.
    pub fn of<'all>(
        &'all self,
        issuer: Option<&'all Issuer>,
    ) -> impl Iterator<Item = &'all Trusted> {
        self.trusted
            .iter()
            .filter(move |trusted| issuer.is_none_or(|issuer| trusted.store.issuer() == issuer))
    }

    /// Fetches the keys of this issuer now, or of all, waits for the end, and says in the log how it went.
    pub async fn refresh(&self, issuer: Option<&Issuer>) -> Vec<Report> {
        self.keys.refresh(issuer).await;
        let reports: Vec<_> = self.of(issuer).map(Trusted::report).collect();
        reports.iter().for_each(log_refresh);
        reports
    }
}

fn users(store: &Arc<KeyStore>, providers: &[(String, OAuth21Provider)]) -> Vec<String> {
    let uses = |provider: &OAuth21Provider| {
        let stores = provider.authenticator().stores();
        stores.iter().any(|used| Arc::ptr_eq(used, store))
    };
    let users = providers.iter().filter(|(_, provider)| uses(provider));
    users.map(|(name, _)| name.clone()).collect()
}

fn log_refresh(report: &Report) {
    let Report {
        issuer,
        store,
        keys,
        ..
    } = report;
    match report.last_failure {
        None => {
            tracing::info!(target: "oauthgate::keys", issuer, store, keys, outcome = "ok", "keys refreshed");
        }
        Some(code) => {
            let detail = report.failure_detail.as_deref();
            tracing::warn!(target: "oauthgate::keys", issuer, store, keys, outcome = code, detail, "keys not refreshed");
        }
    }
}

impl Trusted {
    /// Which of its issuer's stores this is, from 1.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// How its keys are doing now.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        self.store.status()
    }

    /// The keys that are held and used.
    #[must_use]
    pub fn held_keys(&self) -> Vec<HeldKey> {
        self.store.held_keys()
    }

    /// How it is doing now.
    #[must_use]
    pub fn report(&self) -> Report {
        let status = self.status();
        Report {
            issuer: status.issuer,
            store: self.number,
            resources: self.resources.clone(),
            place: status.place,
            usable: status.servable,
            keys_optional: status.optional,
            keys: status.keys,
            skipped_keys: status.skipped,
            age_seconds: status.age.map(|age| age.as_secs()),
            remaining_seconds: status.remaining.map(|time| time.as_secs()),
            stale: status.stale,
            suspended: status.suspended,
            withdrawn: status.withdrawn,
            fetches: status.fetches,
            last_failure: status.last_failure,
            failure_detail: status.failure_detail,
        }
    }
}

impl Report {
    /// What an operator should know.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        let (warning, detail) = self.concern()?;
        Some(Warning {
            warning,
            issuer: Some(self.issuer.clone()),
            detail: detail + &self.failure(),
        })
    }

    fn concern(&self) -> Option<(&'static str, String)> {
        let age = |seconds| time(Duration::from_secs(seconds));
        match (self.age_seconds, self.remaining_seconds) {
            _ if self.suspended => {
                let detail = "the operator suspended it: its tokens are answered 503";
                Some(("suspended", detail.to_owned()))
            }
            (None, _) | (_, None) if self.keys_optional => None,
            (None, _) | (_, None) => {
                let detail = "no keys were ever loaded: its tokens are answered 503";
                Some(("no_keys", detail.to_owned()))
            }
            (Some(since), _) if !self.usable => Some((
                "expired_keys",
                format!(
                    "it confirmed its keys {} ago, longer than the stale limit: its tokens are answered 503",
                    age(since)
                ),
            )),
            _ if self.keys == 0 => {
                let detail = "keys are held, and withdrawals or OAUTHGATE_PINNED_KIDS let none of them in: its tokens are answered 401";
                Some(("no_admitted_keys", detail.to_owned()))
            }
            (Some(since), Some(until)) if self.stale => Some((
                "stale_keys",
                format!(
                    "it confirmed its keys {} ago; they are served for another {}",
                    age(since),
                    age(until)
                ),
            )),
            (_, Some(until)) if self.last_failure.is_some() => Some((
                "last_fetch_failed",
                format!("the keys are served for another {}", age(until)),
            )),
            _ => None,
        }
    }

    fn failure(&self) -> String {
        let Some(code) = self.last_failure else {
            return String::new();
        };
        let detail = self.failure_detail.as_deref().unwrap_or_default();
        format!("; the last fetch failed: {code}: {}", Printable(detail))
    }
}

/// A time for people: `90 s`, `12 min`, `23 h 59 min`.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn good() -> Report {
        Report {
            issuer: "https://auth.example.com".to_owned(),
            store: 1,
            resources: vec!["mcp".to_owned()],
            place: "metadata".to_owned(),
            usable: true,
            keys_optional: false,
            keys: 2,
            skipped_keys: 0,
            age_seconds: Some(7_260),
            remaining_seconds: Some(79_140),
            stale: false,
            suspended: false,
            withdrawn: Vec::new(),
            fetches: 3,
            last_failure: None,
            failure_detail: None,
        }
    }

    fn warned(report: &Report) -> (&'static str, String) {
        let warning = report.warning().expect("a warning");
        (warning.warning, warning.detail)
    }

    #[test]
    fn an_issuer_that_is_well_is_not_warned_about() {
        assert_eq!(good().warning(), None);
    }

    #[test]
    fn stale_keys_are_warned_about_with_the_time_that_is_left() {
        let (code, detail) = warned(&Report {
            stale: true,
            last_failure: Some("jwks_unavailable"),
            failure_detail: Some("500\n".to_owned()),
            ..good()
        });
        assert_eq!(code, "stale_keys");
        assert_eq!(
            detail,
            "it confirmed its keys 2 h 1 min ago; they are served for another 21 h 59 min; \
             the last fetch failed: jwks_unavailable: 500\\n"
        );
    }

    #[rstest]
    #[case::suspended(Report { suspended: true, usable: false, ..good() }, "suspended")]
    #[case::never_loaded(
        Report { usable: false, age_seconds: None, remaining_seconds: None, ..good() },
        "no_keys"
    )]
    #[case::too_old(
        Report { usable: false, stale: true, remaining_seconds: Some(0), ..good() },
        "expired_keys"
    )]
    #[case::none_let_in(Report { keys: 0, ..good() }, "no_admitted_keys")]
    #[case::failing(
        Report { last_failure: Some("no_usable_keys"), ..good() },
        "last_fetch_failed"
    )]
    fn what_an_operator_should_know_has_a_code(#[case] report: Report, #[case] code: &str) {
        assert_eq!(warned(&report).0, code);
    }

    #[test]
    fn trap_23_an_issuer_that_shares_a_secret_may_publish_no_keys() {
        let silent = Report {
            keys_optional: true,
            keys: 0,
            age_seconds: None,
            remaining_seconds: None,
            last_failure: Some("no_usable_keys"),
            ..good()
        };
        assert_eq!(silent.warning(), None);
        let suspended = Report {
            suspended: true,
            usable: false,
            ..silent
        };
        assert_eq!(warned(&suspended).0, "suspended");
    }

    #[test]
    fn a_replica_is_warned_about_while_it_is_alone() {
        let mut sharing = Sharing {
            mode: "single",
            connected: false,
            since_seconds: 130,
            trouble: Some("unreachable"),
            trouble_detail: Some("refused\n".to_owned()),
            adopted: 1,
            published: 2,
            refused: 3,
        };
        let warning = sharing.warning().expect("a warning");
        assert_eq!(warning.warning, "replicas_unreachable");
        assert!(
            warning
                .detail
                .starts_with("this replica has been alone for 2 min: ")
        );
        assert!(warning.detail.ends_with("; unreachable: refused\\n"));
        sharing.trouble = None;
        assert_eq!(sharing.warning(), None);
    }

    #[rstest]
    #[case(0, "0 s")]
    #[case(119, "119 s")]
    #[case(120, "2 min")]
    #[case(86_399, "23 h 59 min")]
    fn times_are_written_for_people(#[case] seconds: u64, #[case] expected: &str) {
        assert_eq!(time(Duration::from_secs(seconds)), expected);
    }
}
