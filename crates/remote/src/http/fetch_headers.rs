//! Headers that open an issuer's documents where they are not public: credentials, as a rule.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use oauthgate_core::SettingError;

/// How many headers there may be.
const MOST: usize = 16;
/// How long they may be together, in bytes.
const LONGEST: usize = 8 * 1024;
const EXPECTED: &str = "`Name: value`, several separated by line breaks (or by `\\n`), for example Authorization: Bearer …";
/// Headers of the connection and the message, which the HTTP client writes, and those by which the fetcher
/// says what it can read.
const RESERVED: [&str; 16] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "max-forwards",
    "origin",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Headers sent along with the requests for one issuer's metadata and key set, to one origin only. The values
/// are secrets: nothing shows them, and equality is all that can be asked about them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FetchHeaders(Vec<(HeaderName, HeaderValue)>);

impl FetchHeaders {
    /// No header.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Headers out of lines of `Name: value`, separated by line breaks or by `\n` as two characters.
    ///
    /// ```
    /// use oauthgate_remote::FetchHeaders;
    ///
    /// let headers = FetchHeaders::parse("Authorization: Bearer s3cret\\nX-Tenant: acme")?;
    /// assert_eq!(format!("{headers:?}"), "FetchHeaders(authorization, x-tenant)");
    /// assert!(FetchHeaders::parse("Host: evil.example").is_err());
    /// # Ok::<(), oauthgate_remote::core::SettingError>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with a line, by its number: a line that is no header may be a secret as a whole.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let wrong = |problem: String| SettingError::new(problem, EXPECTED);
        if text.len() > LONGEST {
            return Err(wrong(format!("longer than {LONGEST} bytes")));
        }
        let text = text.replace("\\n", "\n");
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (name, value) =
                header(line).map_err(|why| wrong(format!("line {number} {why}")))?;
            if headers.iter().any(|(known, _)| *known == name) {
                return Err(wrong(format!("line {number} names `{name}` again")));
            }
            headers.push((name, value));
        }
        if headers.is_empty() || headers.len() > MOST {
            return Err(wrong(format!(
                "there are {} headers, where 1 to {MOST} are allowed",
                headers.len()
            )));
        }
        Ok(Self(headers))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn to_map(&self) -> HeaderMap {
        self.0.iter().cloned().collect()
    }
}

impl fmt::Debug for FetchHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        write!(f, "FetchHeaders({})", names.join(", "))
    }
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = line.split_once(':').ok_or("has no colon")?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "begins with no header name")?;
    let text = name.as_str();
    if RESERVED.contains(&text)
        || ["proxy-", "if-", "sec-"]
            .iter()
            .any(|kind| text.starts_with(kind))
    {
        return Err("names a header that belongs to the connection or to the fetcher itself");
    }
    let value = value.trim_matches([' ', '\t']);
    if value.is_empty() {
        return Err("has no value");
    }
    let mut value = HeaderValue::from_str(value)
        .ok()
        .filter(|_| value.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
        .ok_or("has a value that is no visible ASCII")?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
#[path = "fetch_headers_tests.rs"]
mod tests;
