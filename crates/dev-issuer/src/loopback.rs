//! What counts as "this machine".

use std::net::IpAddr;

use url::{Host, Url};

/// The host of an URL is `localhost` or a loopback address literal.
pub(crate) fn is_loopback_url(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_loopback_name(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A `Host` header (or the authority of a request) that names this machine. Refusing all others stops a web page
/// that rebinds its own name to 127.0.0.1 from reading what this server says.
pub(crate) fn is_loopback_authority(authority: &str) -> bool {
    Url::parse(&format!("http://{authority}/"))
        .is_ok_and(|url| url.username().is_empty() && is_loopback_url(&url))
}

fn is_loopback_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// An address on the public internet: not loopback, private, link-local, shared, documentation, multicast or reserved.
pub(crate) fn is_public_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && (18..20).contains(&b);
            let protocol = a == 192 && b == 0;
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || shared
                || benchmark
                || protocol
                || a == 0
                || a >= 224)
        }
        // Global unicast is 2000::/3; 2002::/16 (6to4) and 2001::/23 (protocol assignments) carry other addresses inside.
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            let documentation = first == 0x2001 && second == 0xdb8;
            first & 0xe000 == 0x2000
                && first != 0x2002
                && !(first == 0x2001 && second < 0x200)
                && !documentation
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_loopback_authorities() {
        for good in [
            "127.0.0.1:80",
            "localhost",
            "[::1]:9",
            "demo.localhost:1",
            "127.8.9.1",
        ] {
            assert!(is_loopback_authority(good), "{good}");
        }
        for bad in [
            "evil.example",
            "127.0.0.1.evil.example",
            "user@localhost",
            "10.0.0.1",
            "",
            "localhost.evil",
        ] {
            assert!(!is_loopback_authority(bad), "{bad}");
        }
    }

    #[test]
    fn tells_public_addresses_from_others() {
        for public in ["1.1.1.1", "2606:4700::1111", "100.63.0.1"] {
            assert!(is_public_address(public.parse().unwrap()), "{public}");
        }
        for other in [
            "127.0.0.1",
            "10.1.1.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "2002:a00::1",
            "64:ff9b::a00:1",
            "2001::1",
        ] {
            assert!(!is_public_address(other.parse().unwrap()), "{other}");
        }
    }
}
