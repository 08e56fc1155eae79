//! Requests of nobody in particular.
//!
//! Whoever brings a token makes us wait for its issuer, and a stranger can bring the same made-up one a
//! thousand times. So as long as nobody knows whose a request is, it also takes one of its network's places,
//! and no network has enough of them to fill the gate. Whose token was verified before is no stranger, and
//! takes none.

use std::{net::IpAddr, sync::Arc};

use http::request::Parts;
use oauthgate_core::{Answer, Denial, ProtectedResource, Reason, UserContext};
use oauthgate_remote::{AuthProvider, OAuth21Provider, clock::Clock};
use oauthgate_tower::{
    ClientNetwork,
    concurrency::{Place, Places},
};

/// A small gate is not divided: whoever calls twice at once is no attacker.
const FEW: usize = 16;

/// The places of strangers. Clones count together.
#[derive(Debug, Clone)]
pub(super) struct Strangers {
    places: Places<ClientNetwork>,
    most: usize,
}

/// A provider that has only so many strangers of one network wait.
#[derive(Debug, Clone)]
pub(super) struct Doorkeeper {
    pub(super) provider: OAuth21Provider,
    pub(super) strangers: Strangers,
}

impl Strangers {
    /// The strangers of a gate that carries so many requests.
    pub(super) fn of(in_flight: usize) -> Self {
        Self {
            places: Places::default(),
            most: in_flight.div_ceil(4).max(FEW),
        }
    }

    /// A place for the request, if one is needed.
    fn let_in(&self, parts: &Parts) -> Result<Option<Place<ClientNetwork>>, Denial> {
        let Some(network) = ClientNetwork::of(parts) else {
            return Ok(None);
        };
        let place = self.places.try_enter(network, self.most);
        place.map(Some).ok_or_else(|| {
            Denial::new(Reason::TooManyInFlight)
                .with_retry_after(Answer::OVERLOAD_RETRY_AFTER)
                .with_detail(format!(
                    "{} of its network whose tokens wait to be verified",
                    self.most
                ))
        })
    }
}

impl AuthProvider for Doorkeeper {
    fn is_enabled(&self) -> bool {
        self.provider.is_enabled()
    }

    fn resource(&self) -> &ProtectedResource {
        self.provider.resource()
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.provider.clock()
    }

    fn recall(&self, parts: &Parts) -> Option<UserContext> {
        self.provider.recall(parts)
    }

    async fn user_context(
        &self,
        parts: &Parts,
        peer: Option<IpAddr>,
    ) -> Result<UserContext, Denial> {
        let _place = self.strangers.let_in(parts)?;
        self.provider.user_context(parts, peer).await
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::Request;
    use oauthgate_tower::ClientAddress;

    use super::*;

    fn from(last: u8) -> Parts {
        let request =
            Request::builder().extension(ClientAddress(Ipv4Addr::new(192, 0, 2, last).into()));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn f28_a_network_has_so_many_strangers_waiting_and_others_have_their_own() {
        let strangers = Strangers::of(400);
        let waiting: Vec<_> = (0..100).map(|_| strangers.let_in(&from(1))).collect();
        assert!(waiting.iter().all(Result::is_ok));
        let denial = strangers.let_in(&from(1)).unwrap_err();
        assert_eq!(denial.reason(), Reason::TooManyInFlight);
        assert!(strangers.let_in(&from(2)).is_ok());
        drop(waiting);
        assert!(strangers.let_in(&from(1)).is_ok());
    }

    #[test]
    fn a_small_gate_is_not_divided() {
        let strangers = Strangers::of(2);
        let waiting: Vec<_> = (0..FEW).map(|_| strangers.let_in(&from(1))).collect();
        assert!(waiting.iter().all(Result::is_ok) && strangers.let_in(&from(1)).is_err());
    }
}
