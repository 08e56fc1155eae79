//! The protected resource: its identifier and its metadata document (RFC 9728).

use std::fmt;

use serde::Serialize;
use url::{Host, Url};

use crate::{Issuer, Scope, ScopeSet, SettingError};

/// The canonical URI of a protected resource (RFC 8707 §2, RFC 9728 §1.2), kept byte for byte, but
/// for the slash of an empty path, which is removed (MCP: the form without trailing slash).
///
/// ```
/// use oauthgate_core::ResourceIdentifier;
///
/// let resource = ResourceIdentifier::parse("https://mcp.example.com/mcp")?;
/// assert_eq!(resource.metadata_url(), "https://mcp.example.com/.well-known/oauth-protected-resource/mcp");
/// assert!(resource.is_named_by("https://MCP.example.com/mcp"));
/// assert!(!resource.is_named_by("https://mcp.example.com/mcp/"));
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourceIdentifier {
    text: String,
    origin: String,
    path: String,
    url: Url,
}

/// The segment that RFC 9728 §3 inserts between host and path.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl ResourceIdentifier {
    /// Parses a canonical URI: https, or http on loopback; no fragment, no query, no user info, and a
    /// path that no parser would write in another way.
    ///
    /// # Errors
    /// What is wrong with the URI and what was expected.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let url = Url::parse(text)
            .map_err(|error| wrong(format!("the resource is no absolute URI ({error})")))?;
        check_transport(&url)?;
        check_parts(&url, text)?;
        let (origin, path) = split_origin(text).ok_or_else(|| wrong("the resource has no host"))?;
        if path.strip_prefix('/').is_some() && path != url.path() {
            return Err(wrong(format!(
                "the path would be read as \"{}\"",
                url.path()
            )));
        }
        let path = if path == "/" { "" } else { path };
        Ok(Self {
            text: format!("{origin}{path}"),
            origin: origin.to_owned(),
            path: path.to_owned(),
            url,
        })
    }

    /// The identifier, as metadata publishes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port, without a path.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path, empty for a resource at the root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL as the network sees it.
    #[must_use]
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// Whether a URI from a token names this resource: the same whole string, where the slash of an
    /// empty path and the case of scheme and host do not count.
    #[must_use]
    pub fn is_named_by(&self, uri: &str) -> bool {
        let Some((origin, path)) = split_origin(uri) else {
            return false;
        };
        let path = if path == "/" { "" } else { path };
        origin.eq_ignore_ascii_case(&self.origin) && path == self.path
    }

    /// The path of the metadata document: the well-known segment inserted between host and path (RFC 9728 §3).
    #[must_use]
    pub fn metadata_path(&self) -> String {
        format!("{WELL_KNOWN}{}", self.path)
    }

    /// The absolute URL of the metadata document.
    #[must_use]
    pub fn metadata_url(&self) -> String {
        format!("{}{}", self.origin, self.metadata_path())
    }
}

/// Plain http only where nobody else can listen.
fn check_transport(url: &Url) -> Result<(), SettingError> {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => Err(wrong("the resource uses plain http beyond loopback")),
        other => Err(wrong(format!("the resource uses the scheme \"{other}\""))),
    }
}

fn check_parts(url: &Url, text: &str) -> Result<(), SettingError> {
    if url.fragment().is_some() || url.query().is_some() {
        return Err(wrong("the resource has a query or a fragment"));
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return Err(wrong("the resource contains user info"));
    }
    // Quotes and backslashes would break out of the challenge; other characters have several spellings.
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\"\\<>`{|}^'".contains(&byte))
    {
        return Err(wrong(
            "the resource holds a character that a URI writes percent-encoded (a host: as punycode)",
        ));
    }
    Ok(())
}

/// `scheme://authority` and the rest, without reading any meaning into either.
fn split_origin(uri: &str) -> Option<(&str, &str)> {
    let authority = uri.find("://")?.saturating_add(3);
    let end = uri
        .get(authority..)?
        .find(['/', '?', '#'])
        .map_or(uri.len(), |length| authority.saturating_add(length));
    (end > authority)
        .then(|| uri.split_at_checked(end))
        .flatten()
}

fn wrong(problem: impl Into<String>) -> SettingError {
    SettingError::new(
        problem,
        "the address that clients use, for example https://mcp.example.com/mcp",
    )
}

impl fmt::Display for ResourceIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What we say about a resource we protect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedResource {
    identifier: ResourceIdentifier,
    authorization_servers: Vec<Issuer>,
    advertised_scopes: ScopeSet,
    name: Option<String>,
}

impl ProtectedResource {
    /// A resource and the issuers whose tokens open it.
    #[must_use]
    pub fn new(identifier: ResourceIdentifier, authorization_servers: Vec<Issuer>) -> Self {
        Self {
            identifier,
            authorization_servers,
            advertised_scopes: ScopeSet::empty(),
            name: None,
        }
    }

    /// The scopes for basic use, advertised in metadata and in 401 challenges. `offline_access` is left out.
    #[must_use]
    pub fn with_advertised_scopes(mut self, scopes: &ScopeSet) -> Self {
        self.advertised_scopes = scopes
            .iter()
            .filter(|scope| scope.as_str() != "offline_access")
            .cloned()
            .collect();
        self
    }

    /// A human-readable name (`resource_name`).
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The canonical URI.
    #[must_use]
    pub fn identifier(&self) -> &ResourceIdentifier {
        &self.identifier
    }

    /// The advertised scopes.
    #[must_use]
    pub fn advertised_scopes(&self) -> &ScopeSet {
        &self.advertised_scopes
    }

    /// Scopes by the names that clients ask for. Entra writes `read` into the token that was asked for with
    /// `api://mcp/read`: where exactly one advertised scope is a URI that ends so, it is meant. Scopes that
    /// are not advertised, because they are not for basic use, are taken to begin as all advertised ones do.
    pub(crate) fn as_requested(&self, scopes: &ScopeSet) -> ScopeSet {
        let scopes = scopes.iter();
        scopes.map(|scope| self.requested(scope)).collect()
    }

    fn requested(&self, scope: &Scope) -> Scope {
        let longer = self.longer_name(scope).cloned();
        let longer = longer.or_else(|| self.prefixed(scope));
        longer.unwrap_or_else(|| scope.clone())
    }

    /// The scope behind the one prefix of all advertised scopes, those of OpenID Connect apart.
    fn prefixed(&self, scope: &Scope) -> Option<Scope> {
        if is_openid(scope) || scope.as_str().contains("://") {
            return None;
        }
        let own = self.advertised_scopes.iter();
        let mut prefixes = own.filter(|scope| !is_openid(scope)).map(prefix);
        let prefix = prefixes.next()??;
        prefixes
            .all(|other| other == Some(prefix))
            .then(|| Scope::new(format!("{prefix}{scope}")).ok())
            .flatten()
    }

    fn longer_name(&self, scope: &Scope) -> Option<&Scope> {
        let is_longer = |advertised: &&Scope| {
            let before = advertised.as_str().strip_suffix(scope.as_str());
            before.is_some_and(|before| before.contains("://") && before.ends_with('/'))
        };
        let is_itself = self.advertised_scopes.contains(scope);
        let mut longer = self.advertised_scopes.iter().filter(is_longer);
        longer
            .next()
            .filter(|_| !is_itself && longer.next().is_none())
    }

    /// The metadata document.
    #[must_use]
    pub fn metadata(&self) -> ProtectedResourceMetadata {
        ProtectedResourceMetadata {
            resource: self.identifier.as_str().to_owned(),
            authorization_servers: self
                .authorization_servers
                .iter()
                .map(|issuer| issuer.as_str().to_owned())
                .collect(),
            scopes_supported: self
                .advertised_scopes
                .iter()
                .map(|scope| scope.as_str().to_owned())
                .collect(),
            bearer_methods_supported: vec!["header"],
            resource_name: self.name.clone(),
        }
    }
}

/// Scopes of OpenID Connect Core §5.4 and §11: they belong to no resource.
fn is_openid(scope: &Scope) -> bool {
    let known = [
        "openid",
        "profile",
        "email",
        "address",
        "phone",
        "offline_access",
    ];
    known.contains(&scope.as_str())
}

/// `api://mcp/` of `api://mcp/read`.
fn prefix(scope: &Scope) -> Option<&str> {
    let (prefix, _) = scope
        .as_str()
        .split_at_checked(scope.as_str().rfind('/')?.saturating_add(1))?;
    let (_, authority) = prefix.split_once("://")?;
    (!authority.is_empty()).then_some(prefix)
}

/// The metadata document of a protected resource (RFC 9728 §2). Empty arrays are omitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProtectedResourceMetadata {
    /// The canonical URI.
    pub resource: String,
    /// The issuers, byte for byte as their own metadata names them.
    pub authorization_servers: Vec<String>,
    /// The scopes for basic use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// Always `header`.
    pub bearer_methods_supported: Vec<&'static str>,
    /// A human-readable name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
}
