//! Headers about one connection, which end at its end (RFC 9110 §7.6.1).

use http::{HeaderMap, HeaderName, HeaderValue, header};

const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Removes what is about the connection the message came on, also what its `Connection` names, and what else
/// is unwanted. Call it before writing anything of ours, so that nobody can name that away. Where nothing is
/// to be removed, it is one walk and takes no memory.
pub(super) fn strip(headers: &mut HeaderMap, is_unwanted: impl Fn(&HeaderName) -> bool) {
    let mut unwanted = Vec::new();
    let mut accepts_trailers = false;
    for (name, value) in &*headers {
        if *name == header::CONNECTION {
            unwanted.extend(tokens(value).filter_map(named));
        } else if *name == header::TE {
            accepts_trailers |= has_token(value, "trailers");
        }
        if HOP_BY_HOP.contains(name) || is_unwanted(name) {
            unwanted.push(name.clone());
        }
    }
    for name in unwanted {
        headers.remove(name);
    }
    if accepts_trailers {
        // We pass trailers on, so we may ask for them as well.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// Whether a comma-separated header holds this token, in any case.
pub(super) fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.any(|value| has_token(value, token))
}

fn has_token(value: &HeaderValue, token: &str) -> bool {
    tokens(value).any(|listed| listed.eq_ignore_ascii_case(token))
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim)
}

/// Only what may be a header's name names one away.
fn named(token: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(token.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn removes_what_is_about_the_connection() {
        let mut headers = headers(&[
            ("connection", "close, X-Mine"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-mine", "1"),
            ("x-other", "2"),
            ("x-foreign", "3"),
            ("trailer", "x-checksum"),
        ]);
        strip(&mut headers, |name| name == "x-foreign");
        assert_eq!(headers.len(), 2, "{headers:?}");
        assert!(headers.contains_key("x-other") && headers.contains_key("trailer"));
    }

    #[test]
    fn keeps_the_wish_for_trailers_and_nothing_else_of_te() {
        let mut wished = headers(&[("te", "gzip, Trailers"), ("connection", "TE")]);
        strip(&mut wished, |_| false);
        assert_eq!(wished[header::TE], "trailers");
        let mut other = headers(&[("te", "gzip")]);
        strip(&mut other, |_| false);
        assert!(other.is_empty());
    }
}
