//! Who is at the other end, when proxies that we know stand between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, header};
use ipnet::IpNet;

/// The header that most proxies write.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// How many hops are followed: a longer chain is no deployment, but an attack on the walk.
const MAX_HOPS: usize = 32;

/// The client's address: the socket's peer, or, if the peer is a trusted proxy, the right-most address of
/// `Forwarded` (RFC 7239) or `X-Forwarded-For` that is not itself a trusted proxy.
///
/// Nobody else's word counts. A hop that is no address ends the walk at the proxy that reported it. When
/// both headers are there and disagree, a client wrote one of them: then the peer is all we know.
#[must_use]
pub fn client_address(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let standard = hops(headers, header::FORWARDED.as_str(), forwarded_for);
    let common = hops(headers, X_FORWARDED_FOR, |element| vec![element.trim()]);
    match (standard, common) {
        (None, None) => peer,
        (Some(chain), None) | (None, Some(chain)) => walk(peer, &chain, trusted),
        (Some(standard), Some(common)) => {
            let (first, second) = (walk(peer, &standard, trusted), walk(peer, &common, trusted));
            if first == second { first } else { peer }
        }
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// From the nearest hop outwards, as long as each is a proxy that we trust.
fn walk(peer: IpAddr, chain: &[Option<IpAddr>], trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer;
    for hop in chain.iter().rev().take(MAX_HOPS) {
        let Some(hop) = hop else { return nearest };
        nearest = *hop;
        if !is_trusted(nearest, trusted) {
            return nearest;
        }
    }
    nearest
}

/// The hops of all lines of a header, the nearest last; `None` without the header. A hop that is no
/// address is kept, so that nothing beyond it is believed.
fn hops(
    headers: &HeaderMap,
    name: &str,
    nodes: fn(&str) -> Vec<&str>,
) -> Option<Vec<Option<IpAddr>>> {
    if !headers.contains_key(name) {
        return None;
    }
    let lines = headers.get_all(name).iter();
    let chain = lines.flat_map(|line| match line.to_str() {
        Ok(line) => line.split(',').flat_map(nodes).map(node_address).collect(),
        Err(_) => vec![None],
    });
    Some(chain.collect())
}

/// The `for` parameter of one element; an element without exactly one says nothing about the client.
fn forwarded_for(element: &str) -> Vec<&str> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let nodes: Vec<_> = pairs
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .map(|(_, value)| value.trim())
        .collect();
    match nodes.len() {
        1 => nodes,
        _ => vec!["unknown"],
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`, each perhaps quoted.
fn node_address(node: &str) -> Option<IpAddr> {
    let node = node
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(node);
    let bracketed = || {
        node.strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
    };
    node.parse::<Ipv4Addr>()
        .map(IpAddr::from)
        .or_else(|_| node.parse::<SocketAddr>().map(|address| address.ip()))
        .or_else(|_| {
            bracketed()
                .unwrap_or(node)
                .parse::<Ipv6Addr>()
                .map(IpAddr::from)
        })
        .map(|address| address.to_canonical())
        .ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const TRUSTED: [&str; 3] = ["10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1/32"];

    fn address(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted: Vec<IpNet> = TRUSTED.iter().map(|net| net.parse().unwrap()).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        client_address(&map, peer.parse().unwrap(), &trusted).to_string()
    }

    #[rstest]
    #[case::no_proxy("203.0.113.9", "198.51.100.1", "203.0.113.9")]
    #[case::one_hop("10.0.0.1", "198.51.100.1", "198.51.100.1")]
    #[case::two_hops("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1")]
    #[case::spoofed_first("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1")]
    #[case::spoofed_far("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1")]
    #[case::all_trusted("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3")]
    #[case::garbage("10.0.0.1", "198.51.100.1, garbage", "10.0.0.1")]
    #[case::garbage_beyond("10.0.0.1", "garbage, 10.0.0.2", "10.0.0.2")]
    #[case::empty("10.0.0.1", "", "10.0.0.1")]
    #[case::empty_hop("10.0.0.1", "198.51.100.1, ", "10.0.0.1")]
    #[case::with_port("10.0.0.1", "198.51.100.1:4711", "198.51.100.1")]
    #[case::v6("10.0.0.1", "2001:db8::7", "2001:db8::7")]
    #[case::v6_with_port("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7")]
    #[case::v6_proxy("2001:db8:1::1", "198.51.100.1", "198.51.100.1")]
    #[case::mapped_peer("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1")]
    #[case::mapped_hop("10.0.0.1", "198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1")]
    #[case::zone("10.0.0.1", "fe80::1%eth0", "10.0.0.1")]
    fn h5_takes_the_right_most_untrusted_hop(
        #[case] peer: &str,
        #[case] chain: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(address(peer, &[("x-forwarded-for", chain)]), expected);
    }

    #[rstest]
    #[case("for=198.51.100.1", "198.51.100.1")]
    #[case("For=\"198.51.100.1:4711\";proto=https;by=10.0.0.1", "198.51.100.1")]
    #[case("for=\"[2001:db8::7]:4711\"", "2001:db8::7")]
    #[case("for=1.1.1.1, for=198.51.100.1;host=x, FOR=10.0.0.2", "198.51.100.1")]
    #[case("for=unknown", "10.0.0.1")]
    #[case("for=_hidden, for=10.0.0.2", "10.0.0.2")]
    #[case("proto=https", "10.0.0.1")]
    #[case("for=198.51.100.1;for=1.1.1.1", "10.0.0.1")]
    #[case("for=\"198.51.100.1, 1.1.1.1\"", "10.0.0.1")]
    #[case("", "10.0.0.1")]
    fn h5_reads_the_standard_header(#[case] value: &str, #[case] expected: &str) {
        assert_eq!(address("10.0.0.1", &[("forwarded", value)]), expected);
    }

    #[test]
    fn h5_two_headers_that_disagree_are_not_believed() {
        let disagree = [
            ("forwarded", "for=1.1.1.1"),
            ("x-forwarded-for", "198.51.100.1"),
        ];
        assert_eq!(address("10.0.0.1", &disagree), "10.0.0.1");
        let agree = [
            ("forwarded", "for=198.51.100.1"),
            ("x-forwarded-for", "198.51.100.1"),
        ];
        assert_eq!(address("10.0.0.1", &agree), "198.51.100.1");
    }

    #[test]
    fn h5_several_lines_are_one_list() {
        let lines = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "198.51.100.1, 10.0.0.2"),
        ];
        assert_eq!(address("10.0.0.1", &lines), "198.51.100.1");
    }

    #[test]
    fn f6_an_untrusted_peer_is_not_believed_about_anything() {
        let headers = [("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "1.1.1.1")];
        assert_eq!(address("203.0.113.9", &headers), "203.0.113.9");
        assert_eq!(address("203.0.113.9", &[]), "203.0.113.9");
    }

    #[test]
    fn h5_an_endless_chain_of_trusted_hops_ends() {
        let chain = vec!["10.0.0.2"; 5_000].join(",");
        assert_eq!(
            address("10.0.0.1", &[("x-forwarded-for", &chain)]),
            "10.0.0.2"
        );
    }

    proptest! {
        #[test]
        fn h5_no_client_can_choose_its_address(spoofed in "[ -~]{0,60}") {
            prop_assume!(!spoofed.contains('"'));
            let chain = format!("{spoofed}, 198.51.100.1");
            prop_assert_eq!(address("10.0.0.1", &[("x-forwarded-for", &chain)]), "198.51.100.1");
        }
    }
}
