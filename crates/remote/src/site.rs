//! Whether two URLs lie on one site, in the sense that browsers give the word: under the same
//! registrable domain, the name that somebody bought or was given below a public suffix (`com`,
//! `co.uk`, `github.io`). The public suffix list is the one that was current at the build.

use url::{Host, Url};

/// Whether two URLs lie on one site. An address, a single label, or a public suffix itself is a site
/// of its own. Schemes and ports do not matter.
pub(crate) fn is_same_site(one: &Url, other: &Url) -> bool {
    match (one.host(), other.host()) {
        (Some(one), Some(other)) if one == other => true,
        (Some(Host::Domain(one)), Some(Host::Domain(other))) => {
            psl::domain_str(one).is_some_and(|domain| psl::domain_str(other) == Some(domain))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("auth.example.com", "auth.example.com", true)]
    #[case("auth.example.com", "AUTH.EXAMPLE.COM", true)]
    #[case("auth.example.com", "keys.example.com", true)]
    #[case("auth.example.com", "example.com", true)]
    #[case("example.com", "a.b.example.com", true)]
    #[case("auth.example.co.uk", "keys.example.co.uk", true)]
    #[case("auth.corp.internal", "keys.corp.internal", true)]
    #[case("10.0.0.1", "10.0.0.1", true)]
    #[case("localhost", "localhost", true)]
    #[case("auth.example.com", "auth.example.net", false)]
    #[case("auth.example.com", "badexample.com", false)]
    #[case("auth.example.com", "example.com.evil.test", false)]
    #[case("example.co.uk", "other.co.uk", false)]
    #[case("one.github.io", "other.github.io", false)]
    #[case("one.github.io", "github.io", false)]
    #[case("github.io", "one.github.io", false)]
    #[case("auth.internal", "keys.internal", false)]
    #[case("com", "example.com", false)]
    #[case("auth.example.com", "auth.example.com.", true)]
    #[case("10.0.0.1", "11.0.0.1", false)]
    #[case("1.10.0.1", "2.10.0.1", false)]
    #[case("[fd00::1]", "[fd00::2]", false)]
    #[case("localhost", "a.localhost", false)]
    fn a_site_is_a_registrable_domain(#[case] one: &str, #[case] other: &str, #[case] same: bool) {
        let url = |host: &str| Url::parse(&format!("https://{host}/")).unwrap();
        assert_eq!(is_same_site(&url(one), &url(other)), same);
        assert_eq!(is_same_site(&url(other), &url(one)), same);
    }
}
