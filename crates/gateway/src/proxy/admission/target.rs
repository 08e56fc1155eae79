//! The request target and the host it is for (RFC 9112 §3.2, RFC 9113 §8.3.1).

use http::{Method, header, request::Parts};
use oauthgate_core::Denial;

use super::{Authority, KnownHosts, RequestPath, malformed};
use crate::proxy::forwarded::{Reported, Scheme};

/// Where a request wants to go: one path on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTarget {
    host: Authority,
    scheme: Option<Scheme>,
    path: Option<RequestPath>,
}

impl RequestTarget {
    /// Reads the target, whatever its form. `:authority`, an absolute-form target and `Host` must name
    /// the same host; the scheme of an absolute-form target is not believed.
    ///
    /// # Errors
    /// [`oauthgate_core::Reason::MalformedRequest`] for `CONNECT`, `TRACE`, no host, two hosts and an
    /// ambiguous path.
    pub fn read(parts: &Parts, known: &KnownHosts) -> Result<Self, Denial> {
        if [Method::CONNECT, Method::TRACE].contains(&parts.method) {
            return Err(malformed("CONNECT and TRACE are not served"));
        }
        Ok(Self {
            host: host(parts, known)?,
            scheme: None,
            path: path(parts)?,
        })
    }

    /// The same path on the host, and by the scheme, that the client used before trusted proxies.
    #[must_use]
    pub fn before_proxies(self, reported: Reported) -> Self {
        Self {
            host: reported.host.unwrap_or(self.host),
            scheme: reported.scheme,
            path: self.path,
        }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Authority {
        &self.host
    }

    /// The scheme that the client used, if a trusted proxy says so.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// The path; `None` for `OPTIONS *`, which is about no resource.
    #[must_use]
    pub fn path(&self) -> Option<&RequestPath> {
        self.path.as_ref()
    }
}

fn path(parts: &Parts) -> Result<Option<RequestPath>, Denial> {
    match parts.uri.path() {
        "*" if parts.method == Method::OPTIONS => Ok(None),
        path => RequestPath::parse(path).map(Some),
    }
}

fn host(parts: &Parts, known: &KnownHosts) -> Result<Authority, Denial> {
    let written = written_host(parts, known)?;
    let targeted = parts
        .uri
        .authority()
        .map(|authority| parse(authority.as_str(), known))
        .transpose()?;
    match (written, targeted) {
        (Some(written), Some(targeted)) if written != targeted => {
            Err(malformed("the Host header and the request target disagree"))
        }
        (Some(host), _) | (None, Some(host)) => Ok(host),
        (None, None) => Err(malformed("the request names no host")),
    }
}

fn written_host(parts: &Parts, known: &KnownHosts) -> Result<Option<Authority>, Denial> {
    let mut values = parts.headers.get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(malformed("the request has two Host headers")),
        (Some(host), None) => host
            .to_str()
            .map_err(|_| malformed("the Host header is no host"))
            .and_then(|host| parse(host, known))
            .map(Some),
    }
}

fn parse(text: &str, known: &KnownHosts) -> Result<Authority, Denial> {
    known
        .read(text)
        .ok_or_else(|| malformed("the Host header is no host"))
}

#[cfg(test)]
mod tests {
    use http::{Request, Version};
    use oauthgate_core::Reason;
    use rstest::rstest;

    use super::*;

    fn read(parts: &Parts) -> Result<RequestTarget, Denial> {
        RequestTarget::read(parts, &KnownHosts::default())
    }

    fn parts(method: &str, target: &str, hosts: &[&str]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[rstest]
    #[case("/mcp", &["mcp.example.com"])]
    #[case("/mcp?x=1", &["MCP.example.com"])]
    #[case("http://mcp.example.com/mcp", &["mcp.example.com"])]
    #[case("https://mcp.example.com/mcp", &[])]
    fn reads_origin_form_absolute_form_and_authority(#[case] target: &str, #[case] hosts: &[&str]) {
        let mut parts = parts("GET", target, hosts);
        parts.version = Version::HTTP_2;
        let target = read(&parts).unwrap();
        assert_eq!(target.host().to_string(), "mcp.example.com");
        assert_eq!(target.path().unwrap().as_str(), "/mcp");
    }

    #[rstest]
    #[case("/mcp", &[])]
    #[case("/mcp", &["a.example", "a.example"])]
    #[case("/mcp", &["a.example", "b.example"])]
    #[case("http://a.example/mcp", &["b.example"])]
    #[case("http://a.example:8080/mcp", &["a.example"])]
    #[case("http://user@a.example/mcp", &["a.example"])]
    #[case("/mcp", &["a.example/mcp"])]
    #[case("/mcp", &["a.example?x"])]
    #[case("/mcp", &["a.example#x"])]
    #[case("/mcp", &["user@a.example"])]
    #[case("/mcp", &["a.example b"])]
    #[case("/mcp", &["a.example, b.example"])]
    #[case("/mcp", &[""])]
    fn f17_refuses_unclear_hosts(#[case] target: &str, #[case] hosts: &[&str]) {
        let denial = read(&parts("GET", target, hosts)).unwrap_err();
        assert_eq!(denial.reason(), Reason::MalformedRequest);
    }

    #[rstest]
    #[case("TRACE", "/mcp")]
    #[case("CONNECT", "a.example:443")]
    #[case("GET", "*")]
    #[case("POST", "*")]
    fn f26_refuses_methods_and_targets_for_other_kinds_of_server(
        #[case] method: &str,
        #[case] target: &str,
    ) {
        assert!(read(&parts(method, target, &["a.example"])).is_err());
    }

    #[test]
    fn f16_options_of_the_whole_server_is_about_no_resource() {
        let target = read(&parts("OPTIONS", "*", &["a.example"])).unwrap();
        assert_eq!(target.path(), None);
    }

    #[rstest]
    #[case("/secret?x=/public", "/secret")]
    #[case("/secret?/../public", "/secret")]
    #[case("/secret?x=%2e%2e%2fpublic", "/secret")]
    fn f14_the_query_is_no_part_of_the_path(#[case] target: &str, #[case] path: &str) {
        let target = read(&parts("GET", target, &["a.example"])).unwrap();
        assert_eq!(target.path().unwrap().as_str(), path);
    }

    #[test]
    fn f26_a_method_in_lower_case_is_another_method_and_goes_on_as_it_is() {
        let parts = parts("get", "/mcp", &["a.example"]);
        assert!(read(&parts).is_ok());
        assert_ne!(parts.method, Method::GET);
    }
}
