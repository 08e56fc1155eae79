//! Which web pages may call (MCP, Streamable HTTP, security warning 1).

use http::{HeaderMap, HeaderValue, header};
use oauthgate_core::{Denial, Reason, SettingError};

use super::{Authority, malformed};

/// A web origin (RFC 6454), lower-case and without its scheme's default port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    authority: Authority,
}

impl Origin {
    /// Reads `scheme://host` or `scheme://host:port`; a path, user information or `null` is no origin.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let authority = Authority::parse(authority)?;
        let default_port = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let authority = match authority.port() == default_port {
            true => Authority::parse(authority.host())?,
            false => authority,
        };
        is_scheme(&scheme).then_some(Self { scheme, authority })
    }

    fn is_loopback_page(&self) -> bool {
        ["http", "https"].contains(&self.scheme.as_str()) && self.authority.is_loopback()
    }
}

/// RFC 3986 §3.1, in lower case.
fn is_scheme(scheme: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(legal)
}

/// The origins whose pages may call a resource. Programs send no `Origin`, and may always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginRules {
    allowed: Vec<Origin>,
    allows_loopback: bool,
}

impl OriginRules {
    /// Allows these origins beside the resource's own; for a resource on loopback also every page that
    /// this machine serves, on any port.
    ///
    /// # Errors
    /// The first entry that is no origin.
    pub fn new<'a>(
        resource_origin: &'a str,
        allowed: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, SettingError> {
        let own = setting(resource_origin)?;
        let allows_loopback = own.is_loopback_page();
        let others = allowed.into_iter().map(setting);
        Ok(Self {
            allowed: std::iter::once(Ok(own))
                .chain(others)
                .collect::<Result<_, _>>()?,
            allows_loopback,
        })
    }

    /// The `Origin` header of an allowed page as it was sent, or `None` when a program is calling.
    ///
    /// # Errors
    /// [`Reason::OriginRefused`] for a foreign origin and for `null`; [`Reason::MalformedRequest`] for
    /// two origins.
    pub fn admit(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, Denial> {
        let mut values = headers.get_all(header::ORIGIN).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(origin), None) if self.allows(origin) => Ok(Some(origin.clone())),
            (Some(origin), None) => Err(refused(origin)),
            (Some(_), Some(_)) => Err(malformed("the request has two Origin headers")),
        }
    }

    fn allows(&self, value: &HeaderValue) -> bool {
        let origin = value.to_str().ok().and_then(Origin::parse);
        origin.is_some_and(|origin| {
            (self.allows_loopback && origin.is_loopback_page()) || self.allowed.contains(&origin)
        })
    }
}

fn refused(origin: &HeaderValue) -> Denial {
    let shown: String = String::from_utf8_lossy(origin.as_bytes())
        .chars()
        .take(200)
        .collect();
    Denial::new(Reason::OriginRefused)
        .with_detail(format!("the origin is `{}`", shown.escape_debug()))
}

fn setting(text: &str) -> Result<Origin, SettingError> {
    Origin::parse(text).ok_or_else(|| {
        SettingError::new(
            "this is no web origin",
            "scheme, host and perhaps a port, for example https://app.example.com",
        )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn outcome(rules: &OriginRules, origins: &[&str]) -> Result<bool, Reason> {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        rules
            .admit(&headers)
            .map(|origin| origin.is_some())
            .map_err(|denial| denial.reason())
    }

    #[rstest]
    #[case("https://mcp.example.com", true)]
    #[case("https://mcp.example.com:443", true)]
    #[case("HTTPS://MCP.example.com", true)]
    #[case("https://app.example.com:8443", true)]
    #[case("vscode-webview://abc123", true)]
    #[case("null", false)]
    #[case("", false)]
    #[case("*", false)]
    #[case("http://mcp.example.com", false)]
    #[case("https://mcp.example.com:8443", false)]
    #[case("https://mcp.example.com.evil.test", false)]
    #[case("https://mcp.example.com/", false)]
    #[case("https://mcp.example.com/x", false)]
    #[case("https://evil.test?https://mcp.example.com", false)]
    #[case("https://mcp.example.com@evil.test", false)]
    #[case("https://user@mcp.example.com", false)]
    #[case("https://app.example.com", false)]
    #[case("https://sub.mcp.example.com", false)]
    #[case("https://mcp.example.com https://evil.test", false)]
    #[case("http://localhost:6274", false)]
    #[case("file://", false)]
    #[case("//mcp.example.com", false)]
    fn g10_refuses_foreign_origins(#[case] origin: &str, #[case] allowed: bool) {
        let others = ["https://app.example.com:8443", "vscode-webview://abc123"];
        let rules = OriginRules::new("https://mcp.example.com", others).unwrap();
        let expected = if allowed {
            Ok(true)
        } else {
            Err(Reason::OriginRefused)
        };
        assert_eq!(outcome(&rules, &[origin]), expected);
    }

    #[rstest]
    #[case("http://localhost:6274", true)]
    #[case("http://127.0.0.1", true)]
    #[case("https://[::1]:1", true)]
    #[case("http://localhost.evil.test", false)]
    #[case("chrome-extension://localhost", false)]
    #[case("null", false)]
    fn g10_a_resource_on_loopback_serves_pages_of_this_machine(
        #[case] origin: &str,
        #[case] allowed: bool,
    ) {
        let rules = OriginRules::new("http://localhost:8080", []).unwrap();
        assert_eq!(outcome(&rules, &[origin]).is_ok(), allowed);
    }

    #[test]
    fn g10_a_program_without_an_origin_may_call() {
        let rules = OriginRules::new("https://mcp.example.com", []).unwrap();
        assert_eq!(outcome(&rules, &[]), Ok(false));
    }

    #[test]
    fn g10_refuses_two_origins() {
        let rules = OriginRules::new("https://mcp.example.com", []).unwrap();
        let two = ["https://mcp.example.com", "https://mcp.example.com"];
        assert_eq!(outcome(&rules, &two), Err(Reason::MalformedRequest));
    }

    #[test]
    fn h1_a_refused_origin_is_cut_and_escaped() {
        let rules = OriginRules::new("https://mcp.example.com", []).unwrap();
        let mut headers = HeaderMap::new();
        let value = [b"https://\xff\t".as_slice(), &[b'x'; 4_000]].concat();
        headers.append(header::ORIGIN, HeaderValue::from_bytes(&value).unwrap());
        let denial = rules.admit(&headers).unwrap_err();
        let detail = denial.detail().unwrap();
        assert!(detail.len() < 256 && !detail.contains('\t'), "{detail}");
    }

    #[test]
    fn a_wildcard_is_no_setting() {
        assert!(OriginRules::new("https://mcp.example.com", ["*"]).is_err());
    }
}
