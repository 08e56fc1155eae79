//! Which addresses count as one client.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use http::request::Parts;

use crate::ClientAddress;

/// A network whose addresses count as one client, for every limit that tells strangers apart.
/// [`ClientPrefixes::network_of`] makes it, [`Self::of`] finds it. `Display` is its CIDR notation (`192.0.2.1/32`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientNetwork {
    address: IpAddr,
    prefix: u8,
}

impl ClientNetwork {
    /// The network of this request's client: as a layer further out put it into the request's extensions, or
    /// else of the [`ClientAddress`], by the default prefixes.
    #[must_use]
    pub fn of(parts: &Parts) -> Option<Self> {
        let worked_out = parts.extensions.get::<Self>().copied();
        worked_out.or_else(|| ClientAddress::of(parts).map(Self::from))
    }

    /// Its first address.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits its addresses share.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }
}

/// By the default prefixes.
impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        ClientPrefixes::default().network_of(address)
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// How many leading bits of an address tell one client from another. The default is 32 of an IPv4 address
/// and 64 of an IPv6 one: the smallest network that one customer gets, and so the smallest thing that
/// one attacker cannot change at will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientPrefixes {
    ipv4: u8,
    ipv6: u8,
}

impl Default for ClientPrefixes {
    fn default() -> Self {
        Self { ipv4: 32, ipv6: 64 }
    }
}

impl ClientPrefixes {
    /// So many bits of an IPv4 address (at most 32), and of an IPv6 address (at most 128).
    #[must_use]
    pub fn new(ipv4: u8, ipv6: u8) -> Self {
        Self {
            ipv4: ipv4.min(32),
            ipv6: ipv6.min(128),
        }
    }

    /// The client that this address belongs to. An IPv4 address is one in each of its spellings: as it is,
    /// mapped (`::ffff:192.0.2.1`), and as a translator writes it (`64:ff9b::192.0.2.1`, RFC 6052 §2.1), or
    /// everybody behind that translator would be one client.
    #[must_use]
    pub fn network_of(self, address: IpAddr) -> ClientNetwork {
        match ipv4_of(address) {
            Ok(address) => {
                let bits = address.to_bits() & mask(self.ipv4, 32) as u32;
                ClientNetwork {
                    address: Ipv4Addr::from_bits(bits).into(),
                    prefix: self.ipv4,
                }
            }
            Err(address) => ClientNetwork {
                address: Ipv6Addr::from_bits(address.to_bits() & mask(self.ipv6, 128)).into(),
                prefix: self.ipv6,
            },
        }
    }
}

/// The well-known prefix of IPv4/IPv6 translators, `64:ff9b::/96`, without the 32 bits that are the IPv4 address.
const TRANSLATED: u128 = 0x0064_ff9b << 64;

fn ipv4_of(address: IpAddr) -> Result<Ipv4Addr, Ipv6Addr> {
    match address.to_canonical() {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(address) if address.to_bits() >> 32 == TRANSLATED => {
            Ok(Ipv4Addr::from_bits(address.to_bits() as u32))
        }
        IpAddr::V6(address) => Err(address),
    }
}

/// The `prefix` highest of `width` bits.
fn mask(prefix: u8, width: u32) -> u128 {
    let host_bits = width.saturating_sub(prefix.into());
    u128::MAX.checked_shl(host_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn network(prefixes: ClientPrefixes, address: &str) -> ClientNetwork {
        prefixes.network_of(address.parse().unwrap())
    }

    #[rstest]
    #[case("192.0.2.1", "192.0.2.1/32")]
    #[case("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    #[case("::ffff:192.0.2.1", "192.0.2.1/32")]
    #[case("64:ff9b::192.0.2.1", "192.0.2.1/32")]
    #[case("64:ff9b:1::192.0.2.1", "64:ff9b:1::/64")]
    #[case("::1", "::/64")]
    fn one_customer_is_one_client(#[case] address: &str, #[case] expected: &str) {
        let network = network(ClientPrefixes::default(), address);
        assert_eq!(network.to_string(), expected);
    }

    #[rstest]
    #[case(24, 48, "192.0.2.77", "192.0.2.0/24")]
    #[case(24, 48, "2001:db8:1:2::1", "2001:db8:1::/48")]
    #[case(24, 128, "2001:db8::1", "2001:db8::1/128")]
    #[case(8, 32, "10.1.2.3", "10.0.0.0/8")]
    #[case(0, 0, "192.0.2.77", "0.0.0.0/0")]
    #[case(0, 0, "2001:db8::1", "::/0")]
    #[case(255, 255, "192.0.2.77", "192.0.2.77/32")]
    #[case(255, 255, "2001:db8::1", "2001:db8::1/128")]
    fn networks_are_as_wide_as_the_settings_say(
        #[case] ipv4: u8,
        #[case] ipv6: u8,
        #[case] address: &str,
        #[case] expected: &str,
    ) {
        let network = network(ClientPrefixes::new(ipv4, ipv6), address);
        assert_eq!(network.to_string(), expected);
    }

    #[test]
    fn a_layer_further_out_may_say_who_is_one_client() {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        assert_eq!(ClientNetwork::of(&parts), None);
        let address = Ipv4Addr::new(192, 0, 2, 77).into();
        parts.extensions.insert(ClientAddress(address));
        let network = |parts: &Parts| ClientNetwork::of(parts).map(|network| network.to_string());
        assert_eq!(network(&parts).as_deref(), Some("192.0.2.77/32"));
        let wide = ClientPrefixes::new(24, 64).network_of(address);
        parts.extensions.insert(wide);
        assert_eq!(network(&parts).as_deref(), Some("192.0.2.0/24"));
    }

    proptest! {
        #[test]
        fn addresses_are_one_client_exactly_when_they_share_the_prefix(a: u32, b: u32, ipv4 in 0_u8..=32) {
            let prefixes = ClientPrefixes::new(ipv4, 64);
            let network = |bits| prefixes.network_of(Ipv4Addr::from_bits(bits).into());
            let shared = (a ^ b).leading_zeros() >= u32::from(ipv4);
            prop_assert_eq!(network(a) == network(b), shared);
        }

        #[test]
        fn the_network_of_a_network_is_itself(bits: u128, ipv4 in 0_u8..=32, ipv6 in 0_u8..=128) {
            let prefixes = ClientPrefixes::new(ipv4, ipv6);
            let network = prefixes.network_of(Ipv6Addr::from_bits(bits).into());
            prop_assert_eq!(prefixes.network_of(network.address()), network);
        }
    }
}
