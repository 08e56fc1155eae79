//! Private networks, as an operator writes them.

use std::net::IpAddr;

use ipnet::IpNet;
use oauthgate_core::SettingError;

use crate::address::Reach;

const EXPECTED: &str = "a private network such as 10.20.0.0/16, 192.168.1.7 or fd00:1::/48";

/// A network that documents may lead into: private or on this machine, in CIDR notation, or one
/// address.
///
/// # Errors
/// When the text is no network; when it lies elsewhere. Public networks need no permission, and what
/// is link-local (the cloud's metadata service), multicast or a tunnel never gets it.
pub fn private_network(text: &str) -> Result<IpNet, SettingError> {
    let network = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        .ok_or_else(|| SettingError::new("no address and no network", EXPECTED))?
        .trunc();
    let (first, last) = (Reach::of(network.network()), Reach::of(network.broadcast()));
    let problem = match (first, last) {
        _ if is_within_one_range(network) => return Ok(network),
        (_, _) if network.prefix_len() == 0 => "the network is everything",
        (Reach::Public, Reach::Public) => "this network is public, and needs no permission",
        (Reach::Forbidden, Reach::Forbidden) => {
            "link-local, multicast, tunnelled and reserved addresses are never asked"
        }
        _ => "the network reaches beyond the private ranges",
    };
    Err(SettingError::new(problem, EXPECTED))
}

/// Whether all of it is private, or all of it this machine's.
fn is_within_one_range(network: IpNet) -> bool {
    const RANGES: [&str; 7] = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "fc00::/7",
        "::1/128",
    ];
    RANGES
        .iter()
        .filter_map(|range| range.parse::<IpNet>().ok())
        .any(|range| range.contains(&network))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("10.0.0.0/8", "10.0.0.0/8")]
    #[case("10.20.30.40/16", "10.20.0.0/16")]
    #[case("192.168.1.7", "192.168.1.7/32")]
    #[case("172.16.0.0/12", "172.16.0.0/12")]
    #[case("100.64.0.0/10", "100.64.0.0/10")]
    #[case("127.0.0.2", "127.0.0.2/32")]
    #[case("fd00:1::/48", "fd00:1::/48")]
    #[case("::1", "::1/128")]
    fn takes_private_networks(#[case] text: &str, #[case] network: &str) {
        assert_eq!(private_network(text).unwrap().to_string(), network);
    }

    #[rstest]
    #[case("", "no address")]
    #[case("intranet", "no address")]
    #[case("10.0.0.0/33", "no address")]
    #[case("010.0.0.1", "no address")]
    #[case("8.8.8.0/24", "public")]
    #[case("2606:4700::/32", "public")]
    #[case("169.254.0.0/16", "never")]
    #[case("169.254.169.254", "never")]
    #[case("fe80::/10", "never")]
    #[case("64:ff9b:1::/48", "never")]
    #[case("::ffff:10.0.0.0/104", "beyond")]
    #[case("0.0.0.0/0", "everything")]
    #[case("::/0", "everything")]
    #[case("10.0.0.0/7", "beyond")]
    #[case("172.16.0.0/11", "beyond")]
    fn d12_no_permission_reaches_beyond_private_networks(#[case] text: &str, #[case] why: &str) {
        let error = private_network(text).unwrap_err();
        assert!(error.problem.contains(why), "{error}");
    }
}
