//! Redirect URIs: which ones may be registered, and when a requested one matches.

use url::Url;

/// Longest redirect URI.
const MAX_LENGTH: usize = 2048;

/// Schemes that run or read something in the browser instead of leading to an application.
const FORBIDDEN_SCHEMES: [&str; 10] = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "filesystem",
    "view-source",
    "ws",
    "wss",
];

/// Whether this may be registered: absolute, no fragment, no user name, and `https`, `http` on loopback, or an
/// application's own scheme (RFC 8252 §7).
pub(crate) fn is_acceptable(uri: &str) -> bool {
    let printable = uri.len() <= MAX_LENGTH && uri.bytes().all(|byte| byte.is_ascii_graphic());
    printable && Url::parse(uri).is_ok_and(|url| is_safe(&url))
}

fn is_safe(url: &Url) -> bool {
    let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    let leads_to_an_application = match url.scheme() {
        "https" => true,
        "http" => crate::loopback::is_loopback_url(url),
        other => !FORBIDDEN_SCHEMES.contains(&other),
    };
    plain && leads_to_an_application && has_plain_host(url)
}

/// The host also goes into a Content-Security-Policy, where `;` or `,` would begin something new.
fn has_plain_host(url: &Url) -> bool {
    url.host_str()
        .unwrap_or_default()
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
}

/// Whether `requested` is one of the registered URIs: the same string, or the same loopback URI with another port
/// (RFC 8252 §7.3, because native clients listen where there is room).
pub(crate) fn redirects_to(registered: &[String], requested: &str) -> bool {
    registered
        .iter()
        .any(|known| known == requested || differs_in_port_only(known, requested))
}

fn differs_in_port_only(known: &str, requested: &str) -> bool {
    // The parser drops line breaks and tabs; the `Location` header would not.
    if !is_acceptable(requested) {
        return false;
    }
    let (Ok(mut known), Ok(mut requested)) = (Url::parse(known), Url::parse(requested)) else {
        return false;
    };
    let on_loopback = known.scheme() == "http" && crate::loopback::is_loopback_url(&known);
    on_loopback
        && known.set_port(None).is_ok()
        && requested.set_port(None).is_ok()
        && known == requested
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_https_loopback_and_application_schemes() {
        for good in [
            "https://client.example/cb",
            "http://127.0.0.1:1234/cb",
            "http://localhost/cb",
            "http://[::1]/cb",
            "cursor://anysphere.cursor-retrieval/oauth/cb",
            "com.example.app:/cb",
        ] {
            assert!(is_acceptable(good), "{good}");
        }
    }

    #[test]
    fn refuses_redirect_uris_that_lead_elsewhere() {
        for bad in [
            "http://client.example/cb",
            "https://client.example/cb#fragment",
            "https://user@client.example/cb",
            "javascript:alert(1)",
            "data:text/html,hi",
            "/relative",
            "https://a;script-src/cb",
            "https://client.example/a b",
            "https://client.example/\r\nset-cookie:a",
            "",
        ] {
            assert!(!is_acceptable(bad), "{bad}");
        }
    }

    #[test]
    fn matches_exactly_but_for_the_port_on_loopback() {
        let registered = [
            "https://client.example/cb".to_owned(),
            "http://127.0.0.1/cb?a=1".to_owned(),
        ];
        assert!(redirects_to(&registered, "https://client.example/cb"));
        assert!(redirects_to(&registered, "http://127.0.0.1:9/cb?a=1"));
        for other in [
            "https://client.example/cb/",
            "https://client.example:8443/cb",
            "https://client.example/cb?x",
            "http://127.0.0.1:9/cb",
            "http://localhost:9/cb?a=1",
            "https://127.0.0.1/cb?a=1",
            "http://127.0.0.1:9/cb?a=1#f",
            "http://u@127.0.0.1:9/cb?a=1",
            "http://127.0.0.1:9/c\nb?a=1",
        ] {
            assert!(!redirects_to(&registered, other), "{other}");
        }
    }
}
