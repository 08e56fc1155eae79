//! Finds an issuer's key set: the metadata candidates in order (rule R3), each held to name the very
//! issuer that is configured (rule R4; RFC 8414 §3.3, OpenID Connect Discovery §4.3).

use std::time::Duration;

use oauthgate_core::{Issuer, SettingError, UnixTime, json::strict_object, text::Printable};
use serde_json::{Map, Value};
use url::{Origin, Url};

use crate::{
    http::{BODY_LIMIT, FetchError, HttpAnswer, HttpFetcher},
    jwks::KeySourceError,
    site::is_same_site,
};

/// The time for all candidates together: hanging ones leave the rest of an attempt to the key set.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(9);
const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// Where metadata may lie, in the order in which to look.
///
/// # Errors
/// When the issuer is no URL, so nothing can be derived from it, and no explicit URL is given.
pub(crate) fn candidates(
    issuer: &Issuer,
    explicit: Option<&Url>,
) -> Result<Vec<Url>, SettingError> {
    let mut found: Vec<Url> = explicit.cloned().into_iter().collect();
    match base_of(issuer) {
        Some(base) => derived(&base)
            .into_iter()
            .for_each(|url| push_new(&mut found, url)),
        None if found.is_empty() => return Err(no_url()),
        None => {}
    }
    Ok(found)
}

/// The issuer as a URL from which well-known locations can be derived.
pub(crate) fn base_of(issuer: &Issuer) -> Option<Url> {
    let url = Url::parse(issuer.as_str()).ok()?;
    let plain = url.query().is_none() && url.fragment().is_none();
    (plain && matches!(url.scheme(), "https" | "http") && url.has_host()).then_some(url)
}

fn derived(base: &Url) -> [Url; 4] {
    let path = base.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = base.clone();
        url.set_path(&path);
        url
    };
    [
        at(format!("{path}{OPENID}")),
        at(format!("{OAUTH}{path}")),
        at(format!("{path}{OAUTH}")),
        at(format!("{OPENID}{path}")),
    ]
}

fn push_new(found: &mut Vec<Url>, url: Url) {
    if !found.contains(&url) {
        found.push(url);
    }
}

fn no_url() -> SettingError {
    SettingError::new(
        "the issuer is no plain URL, so its metadata cannot be found",
        "an https URL without query, or beside it the URL of the key set or the metadata",
    )
}

/// What is looked for, and where.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Where metadata may lie, in the order in which to look.
    pub(crate) candidates: Vec<Url>,
    /// The `issuer` that the metadata must name.
    pub(crate) issuer: Issuer,
    /// A URL of the site on which the key set must lie, if it must.
    pub(crate) site: Option<Url>,
    /// The member that names the place, for example `jwks_uri`.
    pub(crate) member: &'static str,
}

/// A valid metadata document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Discovered {
    /// Where it lies.
    pub(crate) document: Url,
    /// The place that it names: of the keys, or whatever was wanted.
    pub(crate) place: Url,
}

/// Asks the candidates in order and takes the first valid document. One that was valid `before` is asked
/// first, and alone while its server is merely in trouble: the others would be asked in vain.
pub(crate) async fn discover(
    http: &HttpFetcher,
    wanted: &Wanted,
    before: Option<&Url>,
    now: UnixTime,
) -> Result<Discovered, KeySourceError> {
    let mut misses = Misses::default();
    let search = search(http, wanted, before, now, &mut misses);
    match tokio::time::timeout(TIME_LIMIT, search).await {
        Ok(Some(discovered)) => return Ok(discovered),
        Ok(None) => {}
        Err(_) => misses.details.push(format!(
            "no valid document within {} s",
            TIME_LIMIT.as_secs()
        )),
    }
    Err(misses.into_error())
}

async fn search(
    http: &HttpFetcher,
    wanted: &Wanted,
    before: Option<&Url>,
    now: UnixTime,
    misses: &mut Misses,
) -> Option<Discovered> {
    let others = wanted.candidates.iter().filter(|url| Some(*url) != before);
    for candidate in before.into_iter().chain(others) {
        if misses.is_gone(candidate) {
            continue;
        }
        match ask(http, candidate, wanted).await {
            Ok(place) => {
                let document = candidate.clone();
                return Some(Discovered { document, place });
            }
            Err(miss) => {
                let may_come_back = Some(candidate) == before && miss.is_trouble();
                misses.add(candidate, miss, now);
                if may_come_back {
                    break;
                }
            }
        }
    }
    None
}

async fn ask(http: &HttpFetcher, candidate: &Url, wanted: &Wanted) -> Result<Url, Miss> {
    match http.get(candidate, None).await? {
        HttpAnswer::Document { body, .. } => read(&body, candidate, wanted),
        HttpAnswer::NotModified { .. } => Err(Miss::Document("answered 304 unasked".to_owned())),
    }
}

/// Reads a metadata document strictly: an object without duplicate members, the right `issuer`, an
/// absolute URL of what is wanted, where it may be.
fn read(body: &[u8], candidate: &Url, wanted: &Wanted) -> Result<Url, Miss> {
    let document = strict_object(body, BODY_LIMIT)
        .map_err(|error| Miss::Document(format!("no JSON object: {error}")))?;
    let issuer = string(&document, "issuer")?;
    if issuer != wanted.issuer.as_str() {
        return Err(Miss::OtherIssuer(mismatch(wanted.issuer.as_str(), issuer)));
    }
    let member = wanted.member;
    let text = string(&document, member)?;
    let bad =
        |problem: String| Miss::Document(format!("`{member}` {problem}: {}", Printable(text)));
    let place = Url::parse(text).map_err(|_| bad("is no absolute URL".to_owned()))?;
    if candidate.scheme() == "https" && place.scheme() != "https" {
        return Err(bad("leads from https to another scheme".to_owned()));
    }
    match &wanted.site {
        Some(site) if !is_same_site(site, &place) => Err(bad(format!(
            "does not lie on the site of {site}, as jwks_same_site wants"
        ))),
        _ => Ok(place),
    }
}

fn string<'document>(
    document: &'document Map<String, Value>,
    member: &str,
) -> Result<&'document str, Miss> {
    document
        .get(member)
        .and_then(Value::as_str)
        .ok_or_else(|| Miss::Document(format!("has no string `{member}`")))
}

fn mismatch(expected: &str, found: &str) -> String {
    let hint = if expected.trim_end_matches('/') == found.trim_end_matches('/') {
        "; they differ in the trailing slash only, which counts: configure the issuer exactly as tokens carry it"
    } else {
        ""
    };
    format!(
        "expected issuer {expected:?}, the document names \"{}\"{hint}",
        Printable(found)
    )
}

/// Why one candidate was not it.
#[derive(Debug)]
enum Miss {
    Fetch(FetchError),
    Document(String),
    OtherIssuer(String),
}

impl From<FetchError> for Miss {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl Miss {
    /// Whether the document may still be there, and could only not be had.
    fn is_trouble(&self) -> bool {
        matches!(self, Self::Fetch(error) if !error.found_nothing())
    }
}

/// All misses, of which the most telling one names the failure.
#[derive(Debug, Default)]
struct Misses {
    details: Vec<String>,
    other_issuer: bool,
    gone: Vec<Origin>,
    /// Whether a host said that nothing is there.
    is_elsewhere: bool,
    retry_after: Option<Duration>,
}

impl Misses {
    fn add(&mut self, candidate: &Url, miss: Miss, now: UnixTime) {
        let detail = match miss {
            Miss::Fetch(error) => {
                if error.concerns_the_host() {
                    self.gone.push(candidate.origin());
                }
                self.is_elsewhere |= error.found_nothing();
                self.retry_after = self.retry_after.max(error.retry_after(now));
                error.to_string()
            }
            Miss::Document(detail) => detail,
            Miss::OtherIssuer(detail) => {
                self.other_issuer = true;
                detail
            }
        };
        self.details.push(format!("{candidate}: {detail}"));
    }

    /// Whether a candidate would meet the fate of another on the same host.
    fn is_gone(&self, candidate: &Url) -> bool {
        self.gone.contains(&candidate.origin())
    }

    fn into_error(self) -> KeySourceError {
        let mut detail = self.details.join("; ");
        if self.is_elsewhere {
            detail.push_str("; set metadata_url to where it is, or jwks_url to do without");
        }
        if self.other_issuer {
            KeySourceError::metadata_issuer_mismatch(detail)
        } else {
            KeySourceError::metadata_unavailable(detail).with_retry_after(self.retry_after)
        }
    }
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
