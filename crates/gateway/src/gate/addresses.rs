//! How many connections one address may have open: a quarter of all unless told otherwise, so that no four
//! strangers can keep everybody out.

use std::{net::IpAddr, sync::Arc};

use oauthgate_tower::{
    ClientNetwork, ClientPrefixes,
    concurrency::{Place, Places},
};

use super::door::Door;
use crate::{
    proxy::forwarded::TrustedProxies,
    telemetry::shedding::{Shed, Shedding},
};

/// A place among the connections of a client's network.
pub(super) type NetworkPlace = Place<ClientNetwork>;

/// The connections of each network.
#[derive(Debug)]
pub(super) struct Addresses {
    places: Places<ClientNetwork>,
    most: usize,
    prefixes: ClientPrefixes,
    /// They come with the connections of many.
    trusted: Arc<TrustedProxies>,
    shedding: Shedding,
}

/// The address has as many connections as it may have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crowded;

impl Addresses {
    /// So many of each network, as the door tells networks and proxies apart.
    pub(super) fn new(door: &Door, most: usize) -> Self {
        let proxies = Arc::clone(&door.proxies);
        Self::with(most, door.client_prefixes, proxies, &door.metrics.shedding)
    }

    fn with(
        most: usize,
        prefixes: ClientPrefixes,
        trusted: Arc<TrustedProxies>,
        shedding: &Shedding,
    ) -> Self {
        Self {
            places: Places::default(),
            most,
            prefixes,
            trusted,
            shedding: shedding.clone(),
        }
    }

    /// A place for a connection that comes from here; none is needed by a trusted proxy.
    ///
    /// # Errors
    /// When there is none; that is counted, and told within bounds.
    pub(super) fn admit(&self, address: IpAddr) -> Result<Option<NetworkPlace>, Crowded> {
        if self.trusted.trusts(address) {
            return Ok(None);
        }
        let network = self.prefixes.network_of(address);
        let place = self.places.try_enter(network, self.most);
        place.map(Some).ok_or_else(|| {
            self.shedding
                .note(Shed::Connections, self.most, Some(&network));
            Crowded
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::forwarded::ForwardedHeader;

    fn addresses(most: usize, trusted: &[&str]) -> Addresses {
        let trusted = trusted.iter().map(|network| network.parse().unwrap());
        let trusted = TrustedProxies::new(trusted.collect(), ForwardedHeader::Auto);
        Addresses::with(
            most,
            ClientPrefixes::default(),
            Arc::new(trusted),
            &Shedding::default(),
        )
    }

    fn admits(addresses: &Addresses, address: &str) -> Result<Option<NetworkPlace>, Crowded> {
        addresses.admit(address.parse().unwrap())
    }

    #[tokio::test]
    async fn an_address_has_so_many_and_others_have_their_own() {
        let addresses = addresses(1, &[]);
        let first = admits(&addresses, "192.0.2.1").unwrap();
        assert!(admits(&addresses, "::ffff:192.0.2.1").is_err());
        assert!(admits(&addresses, "192.0.2.2").is_ok());
        drop(first);
        assert!(admits(&addresses, "192.0.2.1").is_ok());
    }

    #[tokio::test]
    async fn h3_an_ipv6_network_is_one_client() {
        let addresses = addresses(1, &[]);
        let _first = admits(&addresses, "2001:db8::1").unwrap();
        assert!(admits(&addresses, "2001:db8::2").is_err());
        assert!(admits(&addresses, "2001:db8:0:1::1").is_ok());
    }

    #[tokio::test]
    async fn a_trusted_proxy_may_have_as_many_as_it_likes() {
        let addresses = addresses(1, &["10.0.0.0/8"]);
        let held: Vec<_> = (0..100).map(|_| admits(&addresses, "10.1.2.3")).collect();
        assert!(held.iter().all(|place| matches!(place, Ok(None))));
    }
}
