//! Row D12 and D11: which addresses and URLs are called.

use rstest::rstest;

use super::*;
use crate::outbound::private_network;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn rule(named: &str) -> AddressRule {
    AddressRule::new([&url(named)])
}

#[rstest]
#[case("https://169.254.169.254/latest/meta-data")]
#[case("https://[::ffff:169.254.169.254]/")]
#[case("https://[::ffff:10.0.0.1]/")]
#[case("https://[64:ff9b::a9fe:a9fe]/")]
#[case("https://[64:ff9b::7f00:1]/")]
#[case("https://[64:ff9b:1::1]/")]
#[case("https://[2002:7f00:1::]/")]
#[case("https://[2001::1]/")]
#[case("https://[fd00::1]/")]
#[case("https://[fe80::1]/")]
#[case("https://[fec0::1]/")]
#[case("https://[ff02::1]/")]
#[case("https://[::1]/")]
#[case("https://[::]/")]
#[case("https://[::7f00:1]/")]
#[case("https://0.0.0.0/")]
#[case("https://127.1/")]
#[case("https://2130706433/")]
#[case("https://0x7f000001/")]
#[case("https://017700000001/")]
#[case("https://0300.0250.1.1/")]
#[case("https://10.0.0.1/")]
#[case("https://100.64.0.1/")]
#[case("https://172.31.255.255/")]
#[case("https://192.168.1.1/")]
#[case("https://192.0.0.192/")]
#[case("https://198.18.0.1/")]
#[case("https://224.0.0.1/")]
#[case("https://255.255.255.255/")]
fn row_59_d12_refuses_addresses_that_are_not_public_to_a_public_issuer(#[case] target: &str) {
    let refused = rule("https://auth.example.com").admits_url(&url(target));
    assert!(
        matches!(
            refused,
            Err(Refused::Private { .. } | Refused::Forbidden { .. })
        ),
        "{refused:?}"
    );
}

#[rstest]
#[case("https://8.8.8.8/")]
#[case("https://172.32.0.1/")]
#[case("https://100.128.0.1/")]
#[case("https://[2606:4700::1]/")]
#[case("https://[64:ff9b::808:808]/")]
fn admits_public_addresses(#[case] target: &str) {
    assert_eq!(
        rule("https://auth.example.com").admits_url(&url(target)),
        Ok(())
    );
}

#[test]
fn a_private_issuer_may_name_private_hosts_but_not_this_machine() {
    let rule = rule("https://10.1.1.1");
    assert_eq!(rule.admits_url(&url("https://10.1.1.2/keys")), Ok(()));
    assert!(rule.admits_url(&url("http://127.0.0.1/keys")).is_err());
    assert!(rule.admits_url(&url("https://169.254.169.254/")).is_err());
}

#[test]
fn the_operators_own_host_may_resolve_to_a_private_address() {
    let rule = rule("https://auth.corp.example");
    let private: IpAddr = "10.0.0.5".parse().unwrap();
    assert!(rule.admits("keys.corp.example", [private]).is_err());
    assert_eq!(rule.admits("AUTH.corp.example", [private]), Ok(()));
    assert!(
        rule.admits("keys.corp.example", [private]).is_err(),
        "d12: a name that merely resolves to a private address opens nothing"
    );
    rule.note_answer(&url("https://other.corp.example/"), private);
    assert!(rule.admits("keys.corp.example", [private]).is_err());
    rule.note_answer(&url("https://auth.corp.example/meta"), private);
    assert_eq!(rule.admits("keys.corp.example", [private]), Ok(()));
    let this_machine: IpAddr = "127.0.0.1".parse().unwrap();
    assert!(rule.admits("keys.corp.example", [this_machine]).is_err());
}

#[test]
fn d12_one_private_address_among_public_ones_refuses_the_name() {
    let addresses: [IpAddr; 2] = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
    assert!(
        rule("https://auth.example.com")
            .admits("keys.example.com", addresses)
            .is_err()
    );
}

#[test]
fn d12_link_local_is_refused_even_to_the_operators_own_host() {
    let rule = rule("https://auth.example.com");
    assert!(
        rule.admits("auth.example.com", ["169.254.169.254".parse().unwrap()])
            .is_err()
    );
}

fn opened(named: &str, networks: &[&str], hosts: &[&str]) -> AddressRule {
    let mut outbound = Outbound::default();
    let networks = networks.iter().map(|text| private_network(text).unwrap());
    outbound.private_networks = networks.collect();
    let hosts = hosts.iter().map(|text| RedirectHost::parse(text).unwrap());
    outbound.redirect_hosts = hosts.collect();
    rule(named).opened_by(&outbound)
}

#[rstest]
#[case("https://10.20.1.1/", true)]
#[case("https://[::ffff:10.20.1.1]/", true)]
#[case("https://0x0a140101/", true)]
#[case("https://10.21.1.1/", false)]
#[case("https://192.168.1.1/", false)]
#[case("https://127.0.0.1/", false)]
#[case("https://[fd00:1::1]/", true)]
#[case("https://[fd00:2::1]/", false)]
#[case("https://[64:ff9b::a14:101]/", false)]
#[case("https://[2002:a14:101::]/", false)]
#[case("https://169.254.169.254/", false)]
fn d12_an_open_network_admits_its_own_addresses_only(#[case] target: &str, #[case] admitted: bool) {
    let rule = opened(
        "https://auth.example.com",
        &["10.20.0.0/16", "fd00:1::/48"],
        &[],
    );
    assert_eq!(rule.admits_url(&url(target)).is_ok(), admitted);
    let again = rule.admits_url(&url("https://10.99.0.1/"));
    assert!(again.is_err(), "an open network is no wider reach");
}

#[test]
fn d12_a_host_for_redirects_may_be_private_and_widens_nothing() {
    let rule = opened("https://auth.example.com", &[], &["keys.corp.example:8443"]);
    let private: IpAddr = "10.0.0.5".parse().unwrap();
    assert_eq!(rule.admits("keys.corp.example", [private]), Ok(()));
    assert!(rule.admits("other.corp.example", [private]).is_err());
    let cloud: IpAddr = "169.254.169.254".parse().unwrap();
    assert!(rule.admits("keys.corp.example", [cloud]).is_err());
}

#[test]
fn a_refusal_names_the_setting_that_would_help() {
    let rule = rule("https://auth.example.com");
    let private = rule.admits_url(&url("https://10.0.0.1/")).unwrap_err();
    assert!(private.to_string().contains("OAUTHGATE_PRIVATE_NETWORKS"));
    let cloud = rule.admits_url(&url("https://169.254.169.254/"));
    let cloud = cloud.unwrap_err().to_string();
    assert!(!cloud.contains("OAUTHGATE_"), "{cloud}");
}

#[test]
fn localhost_must_be_this_machine() {
    let rule = rule("http://localhost:8080");
    assert!(
        rule.admits("localhost", ["8.8.8.8".parse().unwrap()])
            .is_err()
    );
    assert_eq!(rule.admits("localhost", ["::1".parse().unwrap()]), Ok(()));
}

#[rstest]
#[case("http://auth.example.com/")]
#[case("http://10.0.0.1/")]
#[case("http://localhost.example.com/")]
#[case("ftp://auth.example.com/")]
#[case("file:///etc/passwd")]
#[case("data:application/json,{}")]
#[case("https://user@auth.example.com/")]
#[case("https://user:secret@auth.example.com/")]
#[case("https://auth.example.com/#fragment")]
fn row_57_d11_refuses_other_schemes_and_decorated_urls(#[case] target: &str) {
    assert!(
        rule("https://auth.example.com")
            .admits_url(&url(target))
            .is_err()
    );
}

#[rstest]
#[case("http://localhost:1/")]
#[case("http://127.0.0.1:1/")]
#[case("http://[::1]:1/")]
fn http_is_fine_on_this_machine(#[case] target: &str) {
    assert_eq!(rule(target).admits_url(&url(target)), Ok(()));
}
