//! Chains of proxies, honest and not.

use http::HeaderValue;
use proptest::prelude::*;
use rstest::rstest;

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const TRUSTED: [&str; 3] = ["10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1/32"];
const PROXY: &str = "10.0.0.1";

fn proxies(header: ForwardedHeader) -> TrustedProxies {
    let networks = TRUSTED.iter().map(|net| net.parse().unwrap()).collect();
    TrustedProxies::new(networks, header)
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

/// Client, scheme and host; or the reason of the refusal.
fn told_by(header: ForwardedHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
    let reported = proxies(header).reported(&headers(lines), peer.parse().unwrap());
    match reported {
        Ok(reported) => {
            let scheme = reported.scheme.map_or("-", Scheme::as_str);
            let host = reported
                .host
                .map_or("-".to_owned(), |host| host.to_string());
            format!("{} {scheme} {host}", reported.client)
        }
        Err(denial) => denial.code().to_owned(),
    }
}

fn told(lines: &[(&'static str, &str)]) -> String {
    told_by(ForwardedHeader::Auto, PROXY, lines)
}

fn address(peer: &str, lines: &[(&'static str, &str)]) -> String {
    let told = told_by(ForwardedHeader::Auto, peer, lines);
    told.split(' ').next().unwrap().to_owned()
}

#[rstest]
#[case::no_proxy("203.0.113.9", "198.51.100.1", "203.0.113.9")]
#[case::one_hop("10.0.0.1", "198.51.100.1", "198.51.100.1")]
#[case::two_hops("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1")]
#[case::spoofed_first("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1")]
#[case::spoofed_far("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1")]
#[case::spoofed_trust("10.0.0.1", "10.0.0.9, 198.51.100.1", "198.51.100.1")]
#[case::all_trusted("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3")]
#[case::garbage("10.0.0.1", "198.51.100.1, garbage", "10.0.0.1")]
#[case::garbage_beyond("10.0.0.1", "garbage, 10.0.0.2", "10.0.0.2")]
#[case::unknown("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1")]
#[case::empty("10.0.0.1", "", "10.0.0.1")]
#[case::empty_hop("10.0.0.1", "198.51.100.1, ", "10.0.0.1")]
#[case::with_port("10.0.0.1", "198.51.100.1:4711", "198.51.100.1")]
#[case::v6("10.0.0.1", "2001:db8::7", "2001:db8::7")]
#[case::v6_in_brackets("10.0.0.1", "[2001:db8::7]", "2001:db8::7")]
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
#[case("FOR=\"[2001:DB8::7]\"", "2001:db8::7")]
#[case("for=\"[::ffff:198.51.100.1]\"", "198.51.100.1")]
#[case("for=\"198.51.100.1:_port\"", "198.51.100.1")]
#[case("for=\"\\198.51.100.\\1\"", "198.51.100.1")]
#[case("for=1.1.1.1, for=198.51.100.1;host=x, FOR=10.0.0.2", "198.51.100.1")]
#[case(
    "for=1.1.1.1,for=198.51.100.1 ; host=x\t,\tfor=10.0.0.2",
    "198.51.100.1"
)]
#[case("for=unknown", "10.0.0.1")]
#[case("for=\"UNKNOWN:80\"", "10.0.0.1")]
#[case("for=_hidden, for=10.0.0.2", "10.0.0.2")]
#[case("for=\"_hidden:_p\", for=10.0.0.2", "10.0.0.2")]
#[case("proto=https", "10.0.0.1")]
#[case("by=_me;secret=\"a, for=1.1.1.1\";for=198.51.100.1", "198.51.100.1")]
#[case("", "10.0.0.1")]
#[case("for=198.51.100.1,", "10.0.0.1")]
#[case("for=198.51.100.1;;", "198.51.100.1")]
fn h5_reads_the_standard_header(#[case] value: &str, #[case] expected: &str) {
    assert_eq!(address("10.0.0.1", &[("forwarded", value)]), expected);
}

#[rstest]
#[case::twice("for=198.51.100.1;for=1.1.1.1")]
#[case::twice_in_other_case("for=198.51.100.1;FOR=198.51.100.1")]
#[case::a_list_within("for=\"198.51.100.1, 1.1.1.1\"")]
#[case::port_unquoted("for=198.51.100.1:80")]
#[case::v6_unquoted("for=[2001:db8::7]")]
#[case::v6_bare("for=\"2001:db8::7\"")]
#[case::open_quote("for=\", for=198.51.100.1")]
#[case::open_quote_on_a_name("x=\"a, for=198.51.100.1")]
#[case::after_the_quote("for=\"198.51.100.1\"x")]
#[case::escape_at_the_end("for=\"198.51.100.1\\")]
#[case::no_value("for=")]
#[case::no_pair("for")]
#[case::no_name("=198.51.100.1")]
#[case::blank_in_a_pair("for = 198.51.100.1")]
#[case::garbage("for=garbage")]
#[case::garbage_beyond("for=garbage, for=198.51.100.1")]
#[case::odd_address("for=198.51.100.01")]
#[case::empty_port("for=\"198.51.100.1:\"")]
#[case::long_port("for=\"198.51.100.1:123456\"")]
#[case::empty_hidden("for=_")]
#[case::by_garbage("by=garbage;for=198.51.100.1")]
#[case::no_host("host=\"a b\";for=198.51.100.1")]
#[case::no_scheme("proto=1http;for=198.51.100.1")]
#[case::no_ascii("for=\"198.51.100.1ü\"")]
#[case::semicolon_for_comma("for=198.51.100.1 for=1.1.1.1")]
#[case::many_parameters("a=;")]
fn h5_refuses_what_does_not_follow_the_standard(#[case] value: &str) {
    assert_eq!(told(&[("forwarded", value)]), "malformed_request");
    // Whatever a client writes, the hop that an honest proxy adds cannot heal it.
    let healed = format!("{value}, for=198.51.100.1");
    assert_eq!(told(&[("forwarded", &healed)]), "malformed_request");
    let lines = [("forwarded", value), ("forwarded", "for=198.51.100.1")];
    assert_eq!(told(&lines), "malformed_request");
}

#[test]
fn h5_an_element_has_a_bounded_number_of_parameters() {
    let of = |count: usize| {
        let pairs: Vec<_> = (1..count).map(|number| format!("p{number}=x")).collect();
        format!("for=198.51.100.1;{}", pairs.join(";"))
    };
    assert_eq!(address(PROXY, &[("forwarded", &of(16))]), "198.51.100.1");
    assert_eq!(told(&[("forwarded", &of(17))]), "malformed_request");
}

#[rstest]
#[case::agree("for=198.51.100.1", "198.51.100.1", "198.51.100.1 - -")]
#[case::other_spelling("for=\"198.51.100.1:1\"", "::ffff:198.51.100.1", "198.51.100.1 - -")]
#[case::other_ways("for=198.51.100.1, for=10.0.0.2", "198.51.100.1", "198.51.100.1 - -")]
#[case::disagree("for=1.1.1.1", "198.51.100.1", "ambiguous_client")]
#[case::the_other_disagrees("for=198.51.100.1", "1.1.1.1", "ambiguous_client")]
#[case::one_is_silent("proto=https", "198.51.100.1", "ambiguous_client")]
#[case::one_is_hidden("for=_x", "198.51.100.1", "ambiguous_client")]
#[case::one_is_garbage("for=198.51.100.1", "garbage", "ambiguous_client")]
#[case::spoofed_trust("for=1.1.1.1, for=10.0.0.2", "198.51.100.1", "ambiguous_client")]
fn h5_two_headers_must_name_the_same_client(
    #[case] forwarded: &str,
    #[case] common: &str,
    #[case] expected: &str,
) {
    let lines = [("forwarded", forwarded), ("x-forwarded-for", common)];
    assert_eq!(told(&lines), expected);
}

#[test]
fn h5_a_header_that_is_not_named_is_nobodys_word() {
    use ForwardedHeader::*;
    let lines = [
        ("forwarded", "for=1.1.1.1;host=evil.example;proto=http"),
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-host", "mcp.example.com"),
        ("x-forwarded-proto", "https"),
    ];
    assert_eq!(told_by(Auto, PROXY, &lines), "ambiguous_client");
    assert_eq!(
        told_by(XForwarded, PROXY, &lines),
        "198.51.100.1 https mcp.example.com"
    );
    assert_eq!(
        told_by(Forwarded, PROXY, &lines),
        "1.1.1.1 http evil.example"
    );
    assert_eq!(told_by(Nothing, PROXY, &lines), "10.0.0.1 - -");
    // Not even its grammar matters.
    let broken = [("forwarded", "for=\""), ("x-forwarded-for", "198.51.100.1")];
    assert_eq!(told_by(XForwarded, PROXY, &broken), "198.51.100.1 - -");
}

#[rstest]
#[case(
    "for=198.51.100.1;proto=https;host=a.example",
    "https",
    "a.example",
    "198.51.100.1 https a.example"
)]
#[case(
    "for=198.51.100.1;proto=https;host=\"a.example:443\"",
    "https",
    "a.example",
    "198.51.100.1 https a.example:443"
)]
#[case(
    "for=198.51.100.1;proto=http",
    "https",
    "a.example",
    "ambiguous_client"
)]
#[case(
    "for=198.51.100.1;host=b.example",
    "https",
    "a.example",
    "ambiguous_client"
)]
// What only one says may be the client's.
#[case("for=198.51.100.1", "https", "a.example", "198.51.100.1 - -")]
#[case(
    "for=198.51.100.1;proto=https",
    "https",
    "a.example",
    "198.51.100.1 https -"
)]
fn f6_scheme_and_host_count_when_both_headers_say_them(
    #[case] forwarded: &str,
    #[case] proto: &str,
    #[case] host: &str,
    #[case] expected: &str,
) {
    let lines = [
        ("forwarded", forwarded),
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-proto", proto),
        ("x-forwarded-host", host),
    ];
    assert_eq!(told(&lines), expected);
}

#[rstest]
#[case::the_outermost(
    "for=198.51.100.1;proto=https;host=a.example, for=10.0.0.2;proto=http;host=b.example",
    "198.51.100.1 https a.example"
)]
#[case::not_a_strangers(
    "for=1.1.1.1;proto=http;host=evil.example, for=198.51.100.1;proto=https",
    "198.51.100.1 https -"
)]
#[case::inner_if_outer_is_silent(
    "for=198.51.100.1, for=10.0.0.2;proto=https",
    "198.51.100.1 https -"
)]
#[case::behind_a_hidden_hop(
    "for=1.1.1.1;host=evil.example, for=_x;proto=https",
    "10.0.0.1 https -"
)]
#[case::websocket("for=198.51.100.1;proto=WSS", "198.51.100.1 https -")]
#[case::another_scheme("for=198.51.100.1;proto=gopher", "malformed_request")]
#[case::a_strangers_scheme("for=1.1.1.1;proto=gopher, for=198.51.100.1", "198.51.100.1 - -")]
fn f6_the_standard_header_tells_what_the_outermost_trusted_proxy_heard(
    #[case] value: &str,
    #[case] expected: &str,
) {
    assert_eq!(told(&[("forwarded", value)]), expected);
}

#[rstest]
#[case::one("198.51.100.1", "https", "198.51.100.1 https -")]
#[case::websocket("198.51.100.1", "WSS", "198.51.100.1 https -")]
#[case::spoofed("198.51.100.1", "http, https", "198.51.100.1 https -")]
#[case::two_hops_one_value("198.51.100.1, 10.0.0.2", "https", "198.51.100.1 https -")]
#[case::two_hops_agree("198.51.100.1, 10.0.0.2", "https, https", "198.51.100.1 https -")]
#[case::two_hops_disagree("198.51.100.1, 10.0.0.2", "https, http", "ambiguous_client")]
#[case::two_hops_spoofed("198.51.100.1, 10.0.0.2", "http, https, https", "198.51.100.1 https -")]
#[case::spoofed_hops("10.0.0.3, 198.51.100.1", "http, https", "198.51.100.1 https -")]
#[case::garbage("198.51.100.1", "gopher", "malformed_request")]
#[case::empty("198.51.100.1", "", "malformed_request")]
#[case::garbage_beyond("198.51.100.1", "gopher, https", "198.51.100.1 https -")]
#[case::behind_a_hidden_hop("198.51.100.1, unknown", "http, https", "10.0.0.1 https -")]
fn f6_as_many_schemes_count_as_trusted_proxies_were_passed(
    #[case] chain: &str,
    #[case] proto: &str,
    #[case] expected: &str,
) {
    let lines = [("x-forwarded-for", chain), ("x-forwarded-proto", proto)];
    assert_eq!(told(&lines), expected);
    let lines = [("x-forwarded-for", chain), ("x-forwarded-proto", proto)];
    assert_eq!(
        told_by(ForwardedHeader::XForwarded, PROXY, &lines),
        expected
    );
}

#[rstest]
#[case("A.example", "198.51.100.1 - a.example")]
#[case("evil.example, a.example:8443", "198.51.100.1 - a.example:8443")]
#[case("evil.example", "198.51.100.1 - evil.example")]
#[case("a.example/x", "malformed_request")]
#[case("user@a.example", "malformed_request")]
#[case("a.example, ", "malformed_request")]
#[case("ä.example", "malformed_request")]
fn f7_the_last_host_counts_and_must_be_one(#[case] host: &str, #[case] expected: &str) {
    let lines = [
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-host", host),
    ];
    assert_eq!(told(&lines), expected);
}

#[test]
fn f6_a_proxy_need_not_say_who_spoke_to_it() {
    let lines = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
    ];
    assert_eq!(told(&lines), "10.0.0.1 https a.example");
}

#[test]
fn h5_several_lines_are_one_list() {
    let lines = [
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-for", "198.51.100.1, 10.0.0.2"),
    ];
    assert_eq!(address(PROXY, &lines), "198.51.100.1");
    let lines = [
        ("forwarded", "for=1.1.1.1"),
        ("forwarded", "for=198.51.100.1, for=10.0.0.2"),
    ];
    assert_eq!(address(PROXY, &lines), "198.51.100.1");
}

/// Every name of the family that somebody believes somewhere.
const FAMILY: [&str; 15] = [
    "x-forwarded-port",
    "x-forwarded-server",
    "x-forwarded-prefix",
    "x-forwarded-ssl",
    "x-forwarded",
    "x-original-url",
    "x-original-host",
    "x-original-for",
    "x-rewrite-url",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-cluster-client-ip",
];

#[test]
fn f6_no_other_name_is_believed_from_anybody() {
    for name in FAMILY {
        for peer in [PROXY, "203.0.113.9"] {
            let lines = [(name, "1.1.1.1")];
            let told = told_by(ForwardedHeader::Auto, peer, &lines);
            assert_eq!(told, format!("{peer} - -"), "{name}");
        }
    }
}

#[test]
fn f6_an_untrusted_peer_is_not_believed_about_anything() {
    let lines = [
        ("forwarded", "for=1.1.1.1;proto=http;host=evil.example"),
        ("x-forwarded-for", "2.2.2.2"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-host", "evil example"),
    ];
    for header in [ForwardedHeader::Auto, ForwardedHeader::XForwarded] {
        assert_eq!(told_by(header, "203.0.113.9", &lines), "203.0.113.9 - -");
    }
}

#[test]
fn h5_an_endless_chain_of_trusted_hops_ends() {
    let chain = vec!["10.0.0.2"; 5_000].join(",");
    assert_eq!(address(PROXY, &[("x-forwarded-for", &chain)]), "10.0.0.2");
    let chain = vec!["for=10.0.0.2"; 5_000].join(",");
    assert_eq!(address(PROXY, &[("forwarded", &chain)]), "10.0.0.2");
    assert_eq!(
        standard::read(&headers(&[("forwarded", &chain)]))
            .unwrap()
            .len(),
        MAX_HOPS
    );
}

#[test]
fn h1_a_refusal_shows_both_values_and_says_what_to_set() {
    let long = format!("{}\u{e9}, 198.51.100.1", "x".repeat(5_000));
    let lines = [
        ("forwarded", "for=1.1.1.1;x=\"\t\""),
        ("x-forwarded-for", &long),
    ];
    let denial = proxies(ForwardedHeader::Auto)
        .reported(&headers(&lines), PROXY.parse().unwrap())
        .unwrap_err();
    let detail = denial.detail().unwrap();
    assert!(detail.contains("OAUTHGATE_FORWARDED_HEADER"), "{detail}");
    assert!(detail.contains("`for=1.1.1.1;x=\\\"\\t\\\"`"), "{detail}");
    assert!(detail.contains("xx\\xc3\\xa9, 198.51.100.1`"), "{detail}");
    assert!(detail.len() <= 256, "{} bytes", detail.len());
}

/// A good address in one of the spellings of the standard.
fn spelling() -> impl Strategy<Value = (String, String)> {
    let v4 = any::<u32>().prop_map(|bits| {
        let address = Ipv4Addr::from(bits | 0xc000_0000).to_string();
        (address.clone(), address)
    });
    let v6 = any::<u128>().prop_map(|bits| {
        let address = Ipv6Addr::from(bits | 3 << 126).to_string();
        (format!("[{address}]"), address)
    });
    let port = prop_oneof![
        Just(String::new()),
        Just(":80".into()),
        Just(":_p-1".into())
    ];
    let name = prop_oneof![Just("for"), Just("For"), Just("FOR"), Just("fOr")];
    let more = prop_oneof![
        Just(""),
        Just(";e=_x"),
        Just(";proto=https"),
        Just(";ext=\"a,b;c\\\"\"")
    ];
    let semicolon = prop_oneof![
        Just(""),
        Just(";"),
        Just("by=\"[::1]:1\";"),
        Just("x=for ; ")
    ];
    (prop_oneof![v4, v6], port, name, more, semicolon).prop_map(
        |((node, address), port, name, more, before)| {
            (format!("{before}{name}=\"{node}{port}\"{more}"), address)
        },
    )
}

proptest! {
    #[test]
    fn h5_every_spelling_of_the_standard_is_read((element, expected) in spelling()) {
        prop_assert_eq!(address(PROXY, &[("forwarded", &element)]), expected);
    }

    #[test]
    fn h5_no_client_can_choose_its_address(spoofed in "[ -~]{0,60}") {
        let chain = format!("{spoofed}, 198.51.100.1");
        prop_assert_eq!(address(PROXY, &[("x-forwarded-for", &chain)]), "198.51.100.1");
    }

    #[test]
    fn h5_whatever_a_client_writes_into_the_standard_header_is_refused_or_ignored(
        spoofed in prop_oneof!["[ -~]{0,60}", "(for|proto|host|by)=[\"a-z0-9.:;, \\[\\]_\\\\]{0,30}"],
        own_line in any::<bool>(),
    ) {
        let honest = "for=198.51.100.1;proto=https";
        let joined = format!("{spoofed}, {honest}");
        let lines = [("forwarded", &spoofed[..]), ("forwarded", honest)];
        let told = if own_line { told(&lines) } else { told(&[("forwarded", &joined)]) };
        prop_assert!(["198.51.100.1 https -", "malformed_request"].contains(&&told[..]), "{}", told);
    }

    #[test]
    fn h5_no_two_spoofed_headers_choose_an_address(
        forwarded in "(for=[0-9.]{0,12}(, )?){0,3}",
        common in "([0-9.]{0,12}(, )?){0,3}",
    ) {
        let common = format!("{common}, 198.51.100.1");
        let told = told(&[("forwarded", &forwarded), ("x-forwarded-for", &common)]);
        let refused = ["ambiguous_client", "malformed_request"].contains(&&told[..]);
        prop_assert!(refused || told == "198.51.100.1 - -", "{}", told);
    }
}
