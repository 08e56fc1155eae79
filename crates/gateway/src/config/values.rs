//! Text into values, strictly: each function says what is wrong and what would be right.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;
use oauthgate_core::SettingError;
pub(super) use oauthgate_remote::env::values::{boolean, number, seconds};
use secrecy::SecretString;
use url::Url;

use super::settings::{IdentityHeaders, LogFormat, UnlistedTools};
use crate::proxy::admission::{Authority, Origin, RequestPath};

type Parsed<T> = Result<T, SettingError>;

/// `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`.
pub(super) fn listen_address(text: &str) -> Parsed<SocketAddr> {
    let local = text
        .strip_prefix("localhost:")
        .and_then(|port| port.parse().ok());
    let local = local.map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    local.or_else(|| text.parse().ok()).ok_or_else(|| {
        let port = text.trim_start_matches(':');
        let expected = match port.parse::<u16>() {
            Ok(port) => {
                format!("127.0.0.1:{port} for this machine only, or 0.0.0.0:{port} for the network")
            }
            Err(_) => "an address with a port, for example 127.0.0.1:8080".to_owned(),
        };
        SettingError::new("no IP address with a port", expected)
    })
}

/// An http or https URL with a host and nothing that could hide: no user info, no fragment.
pub(super) fn http_url(text: &str) -> Parsed<Url> {
    let expected = "a URL with scheme and host, for example http://127.0.0.1:3001";
    let url = Url::parse(text)
        .map_err(|error| SettingError::new(format!("no URL: {error}"), expected))?;
    let problem = if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        "the URL is not http or https"
    } else if !url.username().is_empty() || url.password().is_some() {
        "the URL carries credentials"
    } else if url.fragment().is_some() {
        "the URL has a fragment"
    } else {
        return Ok(url);
    };
    Err(SettingError::new(problem, expected))
}

/// The upstream: an [`http_url`] without a query, which could not be combined with the request's.
pub(super) fn upstream(text: &str) -> Parsed<Url> {
    let url = http_url(text)?;
    if url.query().is_some() {
        return Err(SettingError::new(
            "the upstream has a query",
            "the URL without `?` and what follows",
        ));
    }
    Ok(url)
}

/// A web origin, as [`Origin`] reads it from requests.
pub(super) fn web_origin(text: &str) -> Parsed<String> {
    let expected = "scheme, host and port, for example https://app.example.com";
    if text == "*" || text.eq_ignore_ascii_case("null") {
        return Err(SettingError::new(
            "this would allow every web page to call",
            expected,
        ));
    }
    let text = text.strip_suffix('/').unwrap_or(text);
    let origin = Origin::parse(text).map(|_| text.to_owned());
    origin.ok_or_else(|| SettingError::new("no web origin", expected))
}

/// A `Host` value, as [`Authority`] reads it from requests.
pub(super) fn host(text: &str) -> Parsed<String> {
    let host = Authority::parse(text).map(|host| host.to_string());
    host.ok_or_else(|| {
        SettingError::new(
            "no host name",
            "a host name with an optional port, for example mcp.internal:8080",
        )
    })
}

/// A network, or an address as a network of one.
pub(super) fn network(text: &str) -> Parsed<IpNet> {
    let network = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let network = network.ok_or_else(|| {
        SettingError::new(
            "no address and no network",
            "for example 10.0.0.0/8 or 192.168.1.7",
        )
    })?;
    if network.prefix_len() == 0 {
        return Err(SettingError::new(
            "this trusts every client to name its own address",
            "the addresses of your proxies, for example 10.0.0.0/8",
        ));
    }
    Ok(network)
}

/// A path to serve a resource under, as [`RequestPath`] reads it from requests; `/` is the root.
pub(super) fn path(text: &str) -> Parsed<String> {
    let expected = "a plain path, for example /mcp";
    let trimmed = text.strip_suffix('/').unwrap_or(text);
    let plain = RequestPath::parse(text).is_ok_and(|path| path.decoded() == text)
        && !trimmed.ends_with('/');
    if !plain || text.contains(['?', '#', '%']) {
        return Err(SettingError::new("no plain absolute path", expected));
    }
    if RequestPath::parse(text).is_ok_and(|path| path.lies_under("/.well-known")) {
        return Err(SettingError::new(
            "/.well-known/ belongs to the gate's own documents",
            expected,
        ));
    }
    Ok(trimmed.to_owned())
}

/// A path that means the same wherever the process was started. No shell is there to expand `~` or `$`.
pub(super) fn absolute_path(text: &str) -> Parsed<PathBuf> {
    let path = PathBuf::from(text);
    if !path.is_absolute() || text.chars().any(char::is_control) {
        return Err(SettingError::new(
            "no absolute path",
            "a path that begins with `/`, for example /var/lib/oauthgate",
        ));
    }
    Ok(path)
}

/// A short name that is safe as a metric label.
pub(super) fn label(text: &str) -> Parsed<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if text.len() > 64 || !text.bytes().all(plain) {
        return Err(SettingError::new(
            "no short plain name",
            "letters, digits, `-`, `_` and `.`, at most 64, for example tools",
        ));
    }
    Ok(text.to_owned())
}

/// What operators show with their calls: long enough, and fit for a header.
pub(super) fn admin_token(text: &str) -> Parsed<SecretString> {
    const SHORTEST: usize = 16;
    let problem = if text.len() < SHORTEST {
        "the token can be guessed"
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        "a character that no header carries"
    } else {
        return Ok(SecretString::from(text));
    };
    Err(SettingError::new(
        problem,
        "at least 16 visible ASCII characters, for example what `openssl rand -base64 32` prints",
    ))
}

/// What binds sessions: too long to be guessed.
pub(super) fn session_secret(text: &str) -> Parsed<SecretString> {
    const SHORTEST: usize = 32;
    if text.len() < SHORTEST {
        return Err(SettingError::new(
            "the secret can be guessed",
            "at least 32 random bytes, for example what `openssl rand -base64 32` prints",
        ));
    }
    Ok(SecretString::from(text))
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err(SettingError::new("no log format", "json or pretty")),
    }
}

/// One of so many.
pub(super) fn sample(text: &str) -> Parsed<u32> {
    let number = number(text, 0..=1_000_000)?;
    // The bound is far below.
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

pub(super) fn identity_headers(text: &str) -> Parsed<IdentityHeaders> {
    match text {
        "auth-request" => Ok(IdentityHeaders::AuthRequest),
        "remote" => Ok(IdentityHeaders::Remote),
        "nothing" => Ok(IdentityHeaders::Nothing),
        _ => Err(SettingError::new(
            "no such set of headers",
            "auth-request, remote or nothing",
        )),
    }
}

pub(super) fn unlisted_tools(text: &str) -> Parsed<UnlistedTools> {
    match text {
        "refuse" => Ok(UnlistedTools::Refuse),
        "allow" => Ok(UnlistedTools::Allow),
        _ => Err(SettingError::new(
            "no rule for tools without a rule",
            "refuse or allow",
        )),
    }
}

/// Any text, for names that only people read.
pub(super) fn text(text: &str) -> Parsed<String> {
    if text.chars().any(char::is_control) {
        return Err(SettingError::new("a control character", "plain text"));
    }
    Ok(text.to_owned())
}
