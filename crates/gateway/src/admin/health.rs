//! What the probes look at.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use oauthgate_remote::OAuth21Provider;
use serde_json::{Value, json};

use crate::issuers::{Introspection, Issuers, Report, Sharing, Trusted};

/// What the probes look at.
#[derive(Debug, Clone)]
pub struct Health {
    providers: Arc<[(String, OAuth21Provider)]>,
    issuers: Issuers,
    requires_others: bool,
    draining: Arc<AtomicBool>,
}

impl Health {
    /// The health of these resources, which trust these issuers.
    #[must_use]
    pub fn new(providers: Vec<(String, OAuth21Provider)>, issuers: Issuers) -> Self {
        Self {
            providers: providers.into(),
            issuers,
            requires_others: false,
            draining: Arc::default(),
        }
    }

    /// Whether it is of no use while it cannot reach the other replicas.
    #[must_use]
    pub fn requiring_others(mut self, requires_others: bool) -> Self {
        self.requires_others = requires_others;
        self
    }

    /// From now on no new traffic should come.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn readiness(&self) -> (StatusCode, Value) {
        let resources: Vec<_> = self.providers.iter().map(resource).collect();
        let draining = self.draining.load(Ordering::Relaxed);
        let sharing = self.issuers.sharing();
        let is_alone = sharing.as_ref().is_some_and(|sharing| !sharing.connected);
        let lacks_others = self.requires_others && is_alone;
        let ready = !draining
            && !lacks_others
            && resources.iter().all(|resource| resource["usable"] == true);
        let issuers: Vec<_> = self.issuers.trusted().iter().map(Trusted::report).collect();
        let introspection = self.issuers.introspection();
        let of_sharing = sharing.as_ref().and_then(Sharing::warning);
        let warnings: Vec<_> = issuers
            .iter()
            .filter_map(Report::warning)
            .chain(introspection.iter().filter_map(Introspection::warning))
            .chain(of_sharing)
            .collect();
        let code = if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let report = json!({
            "ready": ready, "draining": draining,
            "resources": resources, "issuers": issuers, "warnings": warnings,
            "introspection": introspection, "sharing": sharing,
        });
        (code, report)
    }
}

/// A resource is of use while one of its issuers is.
fn resource((name, provider): &(String, OAuth21Provider)) -> Value {
    let usable = provider.authenticator().is_usable();
    json!({ "resource": name, "usable": usable })
}

/// Ready once every resource has an issuer whose keys may be used, which an outage within the stale limit
/// does not change, or that can be asked about tokens; not ready while draining, nor while it is alone and
/// was told to count with the others or not at all.
pub(super) async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let (status, report) = health.readiness();
    (status, Json(report))
}
