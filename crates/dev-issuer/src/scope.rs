//! Scope values (RFC 6749 §3.3).

/// Scopes of OpenID Connect that this server knows beside those of the resources, with their meaning in words.
pub(crate) const IDENTITY_SCOPES: [(&str, &str); 4] = [
    ("openid", "Know who you are"),
    ("profile", "See your name"),
    ("email", "See your e-mail address"),
    ("offline_access", "Stay connected while you are away"),
];

/// Splits a scope value into distinct tokens, in their order. `None` if a token has a character RFC 6749 forbids.
pub(crate) fn parse(value: &str) -> Option<Vec<String>> {
    let mut scopes: Vec<String> = Vec::new();
    for token in value.split(' ').filter(|token| !token.is_empty()) {
        if !token.bytes().all(is_scope_character) {
            return None;
        }
        if !scopes.iter().any(|known| known == token) {
            scopes.push(token.to_owned());
        }
    }
    Some(scopes)
}

/// `NQCHAR` of RFC 6749 appendix A.
fn is_scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_drops_repetitions() {
        assert_eq!(parse("a b  a"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(parse(""), Some(Vec::new()));
    }

    #[test]
    fn refuses_quotes_backslashes_and_controls() {
        for bad in ["a\"", "a\\", "a\tb", "é"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
