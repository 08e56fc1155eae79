//! What became of a request's body that did not come to its end.

use std::sync::{Arc, OnceLock};

use oauthgate_core::Reason;

/// Why a request's body was stopped before its end. Whoever watches over bodies (how long they are, how slowly they
/// come) puts one into the request's extensions and makes the body fail after it said why; whoever reads the body and
/// finds that it fails looks here for the refusal to answer with. An error of the body itself often cannot say: it is
/// lost on its way through an HTTP client.
#[derive(Debug, Clone, Default)]
pub struct StoppedBody(Arc<OnceLock<Reason>>);

impl StoppedBody {
    /// Says why. Only the first word counts.
    pub fn stop(&self, reason: Reason) {
        let _ = self.0.set(reason);
    }

    /// Why, if it was stopped.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.0.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let stopped = StoppedBody::default();
        let told = stopped.clone();
        assert_eq!(told.reason(), None);
        stopped.stop(Reason::SlowRequest);
        stopped.stop(Reason::MalformedRequest);
        assert_eq!(told.reason(), Some(Reason::SlowRequest));
    }
}
