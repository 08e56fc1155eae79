//! Peers that were not waited for any longer.

use oauthgate_tower::Reference;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

/// What a peer was too slow with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlowPeer {
    /// A client did not send the rest of a request's head.
    SlowHead,
    /// A client did not send the rest of a request's body.
    SlowRequest,
    /// A client did not take what it asked for.
    StalledClient,
    /// An upstream did not send the rest of its answer.
    StalledUpstream,
    /// Neither side of a tunnel said anything.
    IdleTunnel,
    /// A client took back most of what it asked for before it could be answered.
    RapidReset,
}

impl SlowPeer {
    const ALL: [Self; 6] = [
        Self::SlowHead,
        Self::SlowRequest,
        Self::StalledClient,
        Self::StalledUpstream,
        Self::IdleTunnel,
        Self::RapidReset,
    ];

    /// The stable code, in metrics and log lines.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::SlowHead => "slow_head",
            Self::SlowRequest => "slow_request",
            Self::StalledClient => "stalled_client",
            Self::StalledUpstream => "stalled_upstream",
            Self::IdleTunnel => "idle_tunnel",
            Self::RapidReset => "rapid_reset",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Labels {
    reason: &'static str,
}

/// How many there were, for each reason.
#[derive(Debug, Clone)]
pub(crate) struct SlowPeers(Family<Labels, Counter>);

/// Every reason counts from zero, so that a first one can be seen.
impl Default for SlowPeers {
    fn default() -> Self {
        let family = Family::default();
        for reason in SlowPeer::ALL.map(SlowPeer::code) {
            drop(family.get_or_create(&Labels { reason }));
        }
        Self(family)
    }
}

impl SlowPeers {
    /// Counts one.
    pub(crate) fn count(&self, peer: SlowPeer) {
        let reason = peer.code();
        self.0.get_or_create(&Labels { reason }).inc();
    }

    pub(super) fn family(&self) -> Family<Labels, Counter> {
        self.0.clone()
    }
}

/// A line beside the one of the request, which was written when its answer began.
pub(crate) fn log_cut(reason: &str, resource: Option<&str>, reference: &Reference) {
    tracing::info!(
        target: "oauthgate::access",
        resource = resource.unwrap_or("none"),
        outcome = "cut",
        reason,
        %reference,
    );
}
