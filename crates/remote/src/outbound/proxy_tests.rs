//! Which texts name a proxy, and who is asked without it.

use rstest::rstest;

use super::*;

#[rstest]
#[case("http://proxy.corp.test:3128", "http://proxy.corp.test:3128")]
#[case("proxy.corp.test:3128", "http://proxy.corp.test:3128")]
#[case("proxy.corp.test", "http://proxy.corp.test:80")]
#[case("https://proxy.corp.test/", "https://proxy.corp.test:443")]
#[case("http://10.0.0.1:8080", "http://10.0.0.1:8080")]
#[case("http://[fd00::1]:8080", "http://[fd00::1]:8080")]
#[case("http://user:s3cret@proxy.corp.test", "http://proxy.corp.test:80")]
#[case("user:s3cret@proxy.corp.test:1", "http://proxy.corp.test:1")]
fn takes_http_proxies_and_shows_no_password(#[case] text: &str, #[case] shown: &str) {
    let proxy = ForwardProxy::parse(text).unwrap();
    assert_eq!(proxy.to_string(), shown);
    assert!(!format!("{proxy} {proxy:?}").contains("s3cret"));
}

#[rstest]
#[case("socks5://proxy.corp.test:1080", "SOCKS")]
#[case("socks5h://proxy.corp.test:1080", "SOCKS")]
#[case("socks4://proxy.corp.test", "SOCKS")]
#[case("ftp://proxy.corp.test", "not the URL")]
#[case("file:///etc/passwd", "not the URL")]
#[case("http://", "no URL")]
#[case("", "no URL")]
#[case("http://proxy.corp.test:99999", "no URL")]
#[case("http://proxy corp", "no URL")]
#[case("http://proxy.corp.test/pac", "no path")]
#[case("http://proxy.corp.test/?a", "no path")]
#[case("http://proxy.corp.test/#a", "fragment")]
#[case("http://169.254.169.254:80", "link-local")]
#[case("http://0.0.0.0:80", "link-local")]
fn says_why_a_text_is_no_proxy(#[case] text: &str, #[case] why: &str) {
    let error = ForwardProxy::parse(text).unwrap_err();
    assert!(error.problem.contains(why), "{error}");
}

#[rstest]
#[case("", "https://auth.example.com/", true)]
#[case("*", "https://auth.example.com/", false)]
#[case("example.com", "https://auth.example.com/", false)]
#[case("example.com", "https://example.com/", false)]
#[case("EXAMPLE.com", "https://auth.example.com/", false)]
#[case("example.com", "https://badexample.com/", true)]
#[case("example.com", "https://example.com.evil.test/", true)]
#[case(".example.com", "https://auth.example.com/", false)]
#[case(".example.com", "https://example.com/", true)]
#[case("*.example.com", "https://auth.example.com/", false)]
#[case("*.example.com", "https://example.com/", true)]
#[case("example.com.", "https://auth.example.com/", false)]
#[case("a.test, example.com", "https://auth.example.com/", false)]
#[case("a.test example.com", "https://auth.example.com/", false)]
#[case("example.com:8443", "https://auth.example.com:8443/", false)]
#[case("example.com:8443", "https://auth.example.com/", true)]
#[case("example.com:443", "https://auth.example.com/", false)]
#[case("10.0.0.0/8", "https://10.1.2.3/", false)]
#[case("10.0.0.0/8", "https://11.1.2.3/", true)]
#[case("10.1.2.3", "https://10.1.2.3/", false)]
#[case("10.1.2.3:8443", "https://10.1.2.3/", true)]
#[case("fd00::/8", "https://[fd00::1]/", false)]
#[case("[fd00::1]:443", "https://[fd00::1]/", false)]
#[case("fd00::1", "https://[fd00::1]/", false)]
#[case("10.0.0.0/8", "https://[::ffff:10.1.2.3]/", false)]
#[case(",, ,", "https://auth.example.com/", true)]
#[case("<local>,10.*", "https://auth.example.com/", true)]
#[case("", "https://127.0.0.1/", false)]
#[case("", "https://[::1]/", false)]
#[case("", "http://localhost:1/", false)]
#[case("", "https://a.localhost/", false)]
#[case("", "https://localhost.example.com/", true)]
fn no_proxy_says_who_is_asked_directly(
    #[case] no_proxy: &str,
    #[case] url: &str,
    #[case] proxied: bool,
) {
    let proxy = ForwardProxy::parse("proxy.corp.test").unwrap();
    let proxy = proxy.with_exceptions(no_proxy);
    assert_eq!(proxy.serves(&Url::parse(url).unwrap()), proxied);
}
