//! What a provider's issuers look like: text with `*`, compared byte by byte (rule R1).

/// What an issuer looks like. `*` stands for one label of a host, or for one segment of a path, or for
/// a part of one; never for a dot of the host, a slash, or nothing. `**` in place of the whole host
/// stands for whatever host the operator of a server chose, with or without port, over `https` or `http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IssuerPattern(pub(super) &'static str);

const ANY_HOST: &str = "**";

impl IssuerPattern {
    /// What the stars stand for, from left to right, if the issuer looks like this.
    pub(super) fn captures(self, issuer: &str) -> Option<Vec<&str>> {
        let (pattern, issuer) = (Parts::of(self.0), Parts::of(issuer));
        let mut captures = Vec::new();
        let host_fits = if pattern.host == ANY_HOST {
            !issuer.scheme.is_empty() && is_authority(issuer.host)
        } else {
            pattern.scheme == issuer.scheme
                && fit(
                    pattern.host,
                    issuer.host,
                    '.',
                    if issuer.scheme.is_empty() {
                        is_segment
                    } else {
                        is_label
                    },
                    &mut captures,
                )
        };
        let fits = host_fits && fit(pattern.path, issuer.path, '/', is_segment, &mut captures);
        fits.then_some(captures)
    }
}

/// The text with its stars replaced, from left to right.
pub(super) fn filled(text: &str, captures: &[&str]) -> String {
    let mut pieces = text.split('*');
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for (piece, capture) in pieces.zip(captures) {
        filled.push_str(capture);
        filled.push_str(piece);
    }
    filled
}

/// A URL cut at its slashes, and nothing else done to it.
struct Parts<'text> {
    scheme: &'text str,
    host: &'text str,
    path: &'text str,
}

impl<'text> Parts<'text> {
    fn of(text: &'text str) -> Self {
        let scheme = ["https://", "http://"].into_iter();
        let scheme = scheme
            .filter_map(|scheme| text.get(..scheme.len()).filter(|start| *start == scheme))
            .next()
            .unwrap_or_default();
        let rest = text.strip_prefix(scheme).unwrap_or(text);
        let (host, path) = rest
            .find('/')
            .and_then(|slash| rest.split_at_checked(slash))
            .unwrap_or((rest, ""));
        Self { scheme, host, path }
    }
}

/// Whether text and pattern have as many parts, and each part fits.
fn fit<'text>(
    pattern: &str,
    text: &'text str,
    separator: char,
    legal: fn(&str) -> bool,
    captures: &mut Vec<&'text str>,
) -> bool {
    let (mut patterns, mut parts) = (pattern.split(separator), text.split(separator));
    loop {
        let (part, pattern) = match (parts.next(), patterns.next()) {
            (None, None) => return true,
            (Some(part), Some(pattern)) => (part, pattern),
            _ => return false,
        };
        match pattern.split_once('*') {
            None if part == pattern => {}
            None => return false,
            Some((start, end)) => {
                let middle = part
                    .strip_prefix(start)
                    .and_then(|rest| rest.strip_suffix(end));
                match middle.filter(|middle| legal(middle)) {
                    Some(middle) => captures.push(middle),
                    None => return false,
                }
            }
        }
    }
}

fn is_label(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(legal)
}

fn is_segment(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(legal)
}

fn is_authority(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::{IssuerPattern, filled};

    #[test]
    fn a_star_is_one_label_or_segment() {
        let auth0 = IssuerPattern("https://*.auth0.com/");
        assert_eq!(
            auth0.captures("https://acme.auth0.com/"),
            Some(vec!["acme"])
        );
        for other in [
            "https://acme.auth0.com",
            "https://acme.auth0.com//",
            "http://acme.auth0.com/",
            "HTTPS://acme.auth0.com/",
            "https://ACME.auth0.com/",
            "https://.auth0.com/",
            "https://a.b.auth0.com/",
            "https://auth0.com/",
            "https://acme.auth0.com:443/",
            "https://u@acme.auth0.com/",
            "https://acme.auth0.com./",
            "https://evil.example/https://acme.auth0.com/",
            "https://acme.auth0.com.evil.example/",
            "https://evil.example#.auth0.com/",
            "https://evil.example?.auth0.com/",
            "https://evil.example\\.auth0.com/",
            "https://evil.example%2f.auth0.com/",
            "https://é.auth0.com/",
            "acme.auth0.com/",
            "",
        ] {
            assert_eq!(auth0.captures(other), None, "{other}");
        }
        let pool = IssuerPattern("https://cognito-idp.*.amazonaws.com/*");
        assert_eq!(
            pool.captures("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab"),
            Some(vec!["eu-west-1", "eu-west-1_Ab"])
        );
        for other in ["", "/", "/a/b", "/a/", "/..", "/a?b", "/a#b", "/a@b"] {
            let other = format!("https://cognito-idp.eu-west-1.amazonaws.com{other}");
            assert_eq!(pool.captures(&other), None, "{other}");
        }
    }

    #[test]
    fn two_stars_are_any_host_of_a_url() {
        let realm = IssuerPattern("**/realms/*");
        for good in [
            "https://sso.example.com/realms/acme",
            "http://127.0.0.1:8080/realms/acme",
            "http://[::1]:8080/realms/acme",
        ] {
            assert_eq!(realm.captures(good), Some(vec!["acme"]), "{good}");
        }
        for other in [
            "sso.example.com/realms/acme",
            "ftp://sso.example.com/realms/acme",
            "https:///realms/acme",
            "https://sso.example.com/realms/",
            "https://sso.example.com/realms/acme/",
            "https://sso.example.com/x/realms/acme",
            "https://user@sso.example.com/realms/acme",
        ] {
            assert_eq!(realm.captures(other), None, "{other}");
        }
    }

    #[test]
    fn a_star_may_be_a_part_and_fills_the_same_place() {
        let test = IssuerPattern("stytch.com/project-test-*");
        let captures = test.captures("stytch.com/project-test-1a").unwrap();
        assert_eq!(captures, ["1a"]);
        assert_eq!(
            filled("https://x.example/project-test-*/keys", &captures),
            "https://x.example/project-test-1a/keys"
        );
        assert_eq!(filled("nothing", &captures), "nothing");
        assert_eq!(test.captures("stytch.com/project-live-1a"), None);
        assert_eq!(test.captures("https://stytch.com/project-test-1a"), None);
    }
}
