//! Headers as proxies write them, and as nobody may.

use proptest::prelude::*;
use rstest::rstest;

use super::{ProxyHeaderError::*, checksum::Crc32c, *};

fn source(bytes: &[u8]) -> Result<Option<String>, ProxyHeaderError> {
    let header = read(bytes)?.expect("a whole header");
    assert_eq!(header.length, bytes.len());
    Ok(header.source.map(|source| source.to_string()))
}

#[rstest]
#[case("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443", Some("192.0.2.1:56324"))]
#[case(
    "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535",
    Some("255.255.255.255:65535")
)]
#[case("PROXY TCP4 192.0.2.1 198.51.100.2 0 0", Some("192.0.2.1:0"))]
#[case("PROXY TCP6 2001:db8::1 2001:db8::2 1 443", Some("[2001:db8::1]:1"))]
#[case(
    "PROXY TCP6 2001:DB8::1 2001:db8:0:0:0:0:0:2 1 443",
    Some("[2001:db8::1]:1")
)]
#[case("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 443", Some("[::ffff:192.0.2.1]:1"))]
#[case("PROXY UNKNOWN", None)]
#[case("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535", None)]
fn reads_lines_of_version_1(#[case] line: &str, #[case] expected: Option<&str>) {
    let found = source(format!("{line}\r\n").as_bytes()).unwrap();
    assert_eq!(found.as_deref(), expected);
}

#[rstest]
#[case::lower_case("proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n", Missing)]
#[case::http("GET / HTTP/1.1\r\n", Missing)]
#[case::http2("PRI * HTTP/2.0\r\n", Missing)]
#[case::tls("\u{16}\u{3}\u{1}", Missing)]
#[case::no_blank("PROXYTCP4 192.0.2.1 198.51.100.2 1 2\r\n", Missing)]
#[case::blank_before(" PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n", Missing)]
#[case::lone_newline(
    "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n",
    Malformed("the line does not end in CRLF")
)]
fn refuses_what_is_no_line(#[case] bytes: &str, #[case] expected: ProxyHeaderError) {
    assert_eq!(read(bytes.as_bytes()), Err(expected));
}

#[rstest]
#[case("TCP4")]
#[case("TCP4 192.0.2.1")]
#[case("TCP4 192.0.2.1 198.51.100.2 1")]
#[case("TCP4 192.0.2.1 198.51.100.2 1 2 3")]
#[case("TCP4 192.0.2.1 198.51.100.2 1 2 ")]
#[case("TCP4  192.0.2.1 198.51.100.2 1 2")]
#[case("TCP4 192.0.2.1\t198.51.100.2 1 2")]
#[case("TCP4 192.0.2.1 198.51.100.2 65536 2")]
#[case("TCP4 192.0.2.1 198.51.100.2 +1 2")]
#[case("TCP4 192.0.2.1 198.51.100.2 01 2")]
#[case("TCP4 192.0.2.1 198.51.100.2 -1 2")]
#[case("TCP4 192.0.2.01 198.51.100.2 1 2")]
#[case("TCP4 192.0.2.256 198.51.100.2 1 2")]
#[case("TCP4 192.0.2.1 elsewhere 1 2")]
#[case("TCP4 2001:db8::1 2001:db8::2 1 2")]
#[case("TCP6 192.0.2.1 198.51.100.2 1 2")]
#[case("TCP6 [2001:db8::1] 2001:db8::2 1 2")]
#[case("TCP6 fe80::1%eth0 2001:db8::2 1 2")]
#[case("tcp4 192.0.2.1 198.51.100.2 1 2")]
#[case("UDP4 192.0.2.1 198.51.100.2 1 2")]
#[case("UNKNOWNS")]
#[case("")]
#[case("TCP4 192.0.2.1\r198.51.100.2 1 2")]
#[case("TCP4 192.0.2.\u{661} 198.51.100.2 1 2")]
fn refuses_other_lines_of_version_1(#[case] line: &str) {
    let found = read(format!("PROXY {line}\r\n").as_bytes());
    assert!(matches!(found, Err(Malformed(_))), "{found:?}");
}

#[test]
fn a_line_ends_where_the_longest_ends() {
    let line = format!("PROXY UNKNOWN {}\r\n", "x".repeat(v1::MAX_LINE - 16));
    assert_eq!(line.len(), v1::MAX_LINE);
    assert_eq!(source(line.as_bytes()), Ok(None));
    let longer = line.replace(" x", " xx");
    assert_eq!(read(longer.as_bytes()), Err(TooLong));
    assert_eq!(read(&longer.as_bytes()[..v1::MAX_LINE]), Err(TooLong));
}

/// A header of version 2 with these bytes after the signature and before the length.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [v2::SIGNATURE, &[command, family], &length, rest].concat()
}

const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb];

fn v6() -> Vec<u8> {
    let addresses = ["2001:db8::1", "2001:db8::2"];
    let addresses = addresses.map(|text| text.parse::<std::net::Ipv6Addr>().unwrap().octets());
    [&addresses.concat()[..], &[0x00, 0x07, 0x01, 0xbb]].concat()
}

#[test]
fn reads_addresses_of_version_2() {
    let tcp4 = source(&binary(0x21, 0x11, &V4)).unwrap();
    assert_eq!(tcp4.as_deref(), Some("192.0.2.1:56324"));
    let tcp6 = source(&binary(0x21, 0x21, &v6())).unwrap();
    assert_eq!(tcp6.as_deref(), Some("[2001:db8::1]:7"));
}

#[rstest]
#[case::local(binary(0x20, 0x00, &[]))]
#[case::local_with_addresses(binary(0x20, 0x11, &V4))]
#[case::local_of_another_family(binary(0x20, 0x32, &[0; 216]))]
#[case::unspecified(binary(0x21, 0x00, &[]))]
#[case::unspecified_with_more(binary(0x21, 0x00, &[1, 2, 3]))]
fn without_an_address_it_is_the_sockets_peer(#[case] bytes: Vec<u8>) {
    assert_eq!(source(&bytes), Ok(None));
}

#[rstest]
#[case::version_1(binary(0x11, 0x11, &V4))]
#[case::version_3(binary(0x31, 0x11, &V4))]
#[case::another_command(binary(0x22, 0x11, &V4))]
#[case::another_family(binary(0x21, 0x41, &V4))]
#[case::another_transport(binary(0x21, 0x13, &V4))]
#[case::no_transport(binary(0x21, 0x10, &V4))]
#[case::short_v4(binary(0x21, 0x11, &V4[..11]))]
#[case::short_v6(binary(0x21, 0x21, &v6()[..35]))]
#[case::v4_for_v6(binary(0x21, 0x21, &V4))]
#[case::half_a_field(binary(0x21, 0x11, &[&V4[..], &[0x04, 0x00]].concat()))]
#[case::a_field_that_overlaps(binary(0x21, 0x11, &[&V4[..], &[0x04, 0x00, 0x02, 0x00]].concat()))]
#[case::a_checksum_of_three_bytes(binary(0x21, 0x11, &[&V4[..], &[0x03, 0x00, 0x03, 0, 0, 0]].concat()))]
fn refuses_other_headers_of_version_2(#[case] bytes: Vec<u8>) {
    let found = read(&bytes);
    assert!(matches!(found, Err(Malformed(_))), "{found:?}");
}

#[rstest]
#[case::udp4(binary(0x21, 0x12, &V4))]
#[case::udp6(binary(0x21, 0x22, &[0; 36]))]
#[case::unix_stream(binary(0x21, 0x31, &[0; 216]))]
#[case::unix_datagram(binary(0x21, 0x32, &[0; 216]))]
fn refuses_what_is_not_about_tcp(#[case] bytes: Vec<u8>) {
    assert_eq!(read(&bytes), Err(OtherTransport));
}

#[test]
fn a_length_beyond_the_bound_is_refused_before_its_bytes_come() {
    let head = [v2::SIGNATURE, &[0x21, 0x11, 0x10, 0x01]].concat();
    assert_eq!(read(&head), Err(TooLong));
    let longest = [&V4[..], &[0x04, 0x0f, 0xf1], &[0; 0x0ff1]].concat();
    let longest = binary(0x21, 0x11, &longest);
    assert_eq!(longest.len(), MAX_HEADER);
    assert!(source(&longest).is_ok());
}

/// Fields as HAProxy and load balancers of clouds write them, the checksum in the middle.
fn with_checksum(sum: impl Fn(u32) -> u32) -> Vec<u8> {
    let before = [0x02, 0x00, 0x03, b'a', b'.', b'b', 0xea, 0x00, 0x01, 0x01];
    let after = [0x04, 0x00, 0x00];
    let mut bytes = binary(
        0x21,
        0x11,
        &[&V4[..], &before, &[0x03, 0x00, 0x04, 0, 0, 0, 0], &after].concat(),
    );
    let correct = Crc32c::default().over(&bytes).value();
    let place = bytes.len() - after.len() - 4;
    bytes[place..place + 4].copy_from_slice(&sum(correct).to_be_bytes());
    bytes
}

#[test]
fn fields_are_skipped_and_a_checksum_is_compared() {
    let good = with_checksum(|sum| sum);
    assert_eq!(good.len(), 48);
    assert_eq!(source(&good).unwrap().as_deref(), Some("192.0.2.1:56324"));
    assert_eq!(read(&with_checksum(|sum| sum ^ 1)), Err(Checksum));
    let twice = [&good[16..], &good[38..45]].concat();
    assert_eq!(
        read(&binary(0x21, 0x11, &twice)),
        Err(Malformed("two checksums"))
    );
}

#[rstest]
#[case(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".to_vec())]
#[case(binary(0x21, 0x21, &v6()))]
#[case(with_checksum(|sum| sum))]
fn a_header_may_come_in_pieces_and_ends_where_it_ends(#[case] bytes: Vec<u8>) {
    for end in 0..bytes.len() {
        assert_eq!(read(&bytes[..end]), Ok(None), "{end}");
    }
    let whole = read(&bytes).unwrap();
    let with_more = [&bytes[..], b"GET / HTTP/1.1\r\n"].concat();
    assert_eq!(read(&with_more).unwrap(), whole);
}

#[test]
fn a_mark_is_known_as_soon_as_it_is_complete() {
    assert!(is_announced(b"PROXY TCP4") && is_announced(v2::SIGNATURE));
    for more in [&b""[..], b"P", b"PR", b"PROXY", b"\r\n", b"\r\n\r\n\0"] {
        assert!(may_announce(more) && !is_announced(more), "{more:?}");
    }
    for http in [&b"GET /"[..], b"PRI", b"\r\nGET", b"PUT"] {
        assert!(!may_announce(http), "{http:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let _ = read(&[v2::SIGNATURE, &bytes].concat());
        let _ = read(&[v1::PREFIX, &bytes].concat());
    }

    #[test]
    fn a_flipped_bit_under_a_checksum_names_nobody_else(place in 0_usize..48, bit in 0_u8..8) {
        let mut bytes = with_checksum(|sum| sum);
        let good = read(&bytes).unwrap().unwrap();
        bytes[place] ^= 1 << bit;
        // The command may become LOCAL, the checksum may become another field: but no other address is told.
        if let Ok(Some(header)) = read(&bytes) {
            prop_assert!(header.source.is_none() || header == good, "{header:?}");
        }
    }

    #[test]
    fn whatever_a_proxy_writes_is_read(v4 in any::<bool>(), a in any::<u128>(), b in any::<u128>(), port in any::<u16>()) {
        let low = |number: u128| std::net::Ipv4Addr::from(u32::try_from(number & 0xffff_ffff).unwrap());
        let (family, pair): (_, (std::net::IpAddr, std::net::IpAddr)) = match v4 {
            true => ("TCP4", (low(a).into(), low(b).into())),
            false => ("TCP6", (std::net::Ipv6Addr::from(a).into(), std::net::Ipv6Addr::from(b).into())),
        };
        let line = format!("PROXY {family} {} {} {port} 443\r\n", pair.0, pair.1);
        let expected = SocketAddr::new(pair.0, port).to_string();
        prop_assert_eq!(source(line.as_bytes()).unwrap(), Some(expected));
    }
}
