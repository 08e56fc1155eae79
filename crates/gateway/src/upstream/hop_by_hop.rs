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

/// Removes what is about the connection the message came on, also what its `Connection` names. Call it
/// before writing anything of ours, so that nobody can name that away.
pub(super) fn strip(headers: &mut HeaderMap) {
    let accepts_trailers = lists(headers, &header::TE, "trailers");
    for name in nominated(headers) {
        headers.remove(name);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    if accepts_trailers {
        // We pass trailers on, so we may ask for them as well.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// Whether a comma-separated header holds this token, in any case.
pub(super) fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|listed| listed.trim().eq_ignore_ascii_case(token))
}

fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect()
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
            ("trailer", "x-checksum"),
        ]);
        strip(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-other", "trailer"]);
    }

    #[test]
    fn keeps_the_wish_for_trailers_and_nothing_else_of_te() {
        let mut wished = headers(&[("te", "gzip, Trailers"), ("connection", "TE")]);
        strip(&mut wished);
        assert_eq!(wished[header::TE], "trailers");
        let mut other = headers(&[("te", "gzip")]);
        strip(&mut other);
        assert!(other.is_empty());
    }
}
