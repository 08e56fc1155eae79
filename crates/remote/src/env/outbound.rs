//! How fetches leave the process, from text to [`Outbound`].
//!
//! The proxy's variables belong to everybody on the machine, so their names and meaning are the usual
//! ones, an empty one counts as not set, and only the first that says something is looked at. Plain
//! `HTTP_PROXY` is not read: nothing of ours goes over plain http but to this machine.

use ipnet::IpNet;
use oauthgate_core::SettingError;

use super::{Reader, list, plain};
use crate::{
    ConfigurationError, Outbound, ProviderSettings,
    error::Mistake,
    outbound::{self, CertificateAuthorities, ForwardProxy, RedirectHost},
};

/// Networks that are not public and may be named by documents all the same.
pub const OAUTHGATE_PRIVATE_NETWORKS: &str = "OAUTHGATE_PRIVATE_NETWORKS";
/// The other hosts to which a redirect may lead.
pub const OAUTHGATE_REDIRECT_HOSTS: &str = "OAUTHGATE_REDIRECT_HOSTS";
/// A PEM file of certificate authorities that are trusted in addition to the system's.
pub const OAUTHGATE_CA_FILE: &str = "OAUTHGATE_CA_FILE";
/// The proxy, in the order in which its variables are looked at.
pub const PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// The hosts that are reached without it, in the order in which the variables are looked at.
pub const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// `OAUTHGATE_PRIVATE_NETWORKS`: networks or addresses, separated by blanks or commas.
///
/// # Errors
/// What is wrong with the list, or with the first bad network in it.
pub fn private_networks(text: &str) -> Result<Vec<IpNet>, SettingError> {
    list(text, "networks separated by one comma or one blank")?
        .map(outbound::private_network)
        .collect()
}

/// `OAUTHGATE_REDIRECT_HOSTS`: hosts with an optional port, separated by blanks or commas.
///
/// # Errors
/// What is wrong with the list, or with the first bad host in it.
pub fn redirect_hosts(text: &str) -> Result<Vec<RedirectHost>, SettingError> {
    list(text, "hosts separated by one comma or one blank")?
        .map(RedirectHost::parse)
        .collect()
}

/// `OAUTHGATE_CA_FILE`: the path of a PEM file, which is read at once.
///
/// # Errors
/// What is wrong with the path or the file.
pub fn ca_file(text: &str) -> Result<CertificateAuthorities, SettingError> {
    CertificateAuthorities::from_file(plain(text)?)
}

/// The proxy out of `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, and which of the variables named it.
///
/// # Errors
/// When the first that is set names no http or https proxy.
pub fn proxy_from(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Option<(&'static str, ForwardProxy)>, Mistake> {
    let Some((name, text)) = first_of(&PROXY, &lookup) else {
        return Ok(None);
    };
    let no_proxy = no_proxy_from(&lookup).map_or_else(String::new, |(_, text)| text);
    plain(&text)
        .and_then(ForwardProxy::parse)
        .map(|proxy| Some((name, proxy.with_exceptions(&no_proxy))))
        .map_err(|error| Mistake::new(name, Some(&text), error))
}

/// What `NO_PROXY` says, and which of its spellings.
pub fn no_proxy_from(lookup: impl Fn(&str) -> Option<String>) -> Option<(&'static str, String)> {
    first_of(&NO_PROXY, lookup)
}

fn first_of(
    names: &[&'static str],
    lookup: impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    let said = |name: &&'static str| Some((*name, lookup(name)?));
    names
        .iter()
        .filter_map(said)
        .find(|(_, text)| !text.is_empty())
}

/// How fetches leave the process, out of the names above, however they are looked up.
///
/// # Errors
/// Every mistake at once.
pub fn outbound_from(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Outbound, ConfigurationError> {
    let proxy = proxy_from(&lookup);
    let mut reader = Reader {
        lookup,
        mistakes: Vec::new(),
    };
    let networks = reader.optional(OAUTHGATE_PRIVATE_NETWORKS, private_networks);
    let hosts = reader.optional(OAUTHGATE_REDIRECT_HOSTS, redirect_hosts);
    let authorities = reader.optional(OAUTHGATE_CA_FILE, ca_file);
    let mut mistakes = reader.mistakes;
    let proxy = proxy.map_err(|mistake| mistakes.push(mistake));
    if !mistakes.is_empty() {
        return Err(ConfigurationError { mistakes });
    }
    Ok(Outbound {
        private_networks: networks.unwrap_or_default(),
        redirect_hosts: hosts.unwrap_or_default(),
        certificate_authorities: authorities.unwrap_or_default(),
        proxy: proxy.ok().flatten().map(|(_, proxy)| proxy),
    })
}

/// Both what is trusted and how fetches leave the process.
pub(crate) fn all_from(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<(ProviderSettings, Outbound), ConfigurationError> {
    match (super::settings_from(&lookup), outbound_from(&lookup)) {
        (Ok(settings), Ok(outbound)) => Ok((settings, outbound)),
        (Err(mut error), Err(more)) => {
            error.mistakes.extend(more.mistakes);
            Err(error)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

#[cfg(test)]
#[path = "outbound_tests.rs"]
mod tests;
