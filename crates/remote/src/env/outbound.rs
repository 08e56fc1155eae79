//! How fetches leave the process, from text to [`Outbound`].
//!
//! The proxy's variables belong to everybody on the machine, so their names and meaning are the usual
//! ones, an empty one counts as not set, and only the first that says something is looked at. Plain
//! `HTTP_PROXY` is not read: nothing of ours goes over plain http but to this machine.

use super::{Lookup, SettingReader, plain, table};
use crate::{
    ConfigurationError, Outbound, ProviderSettings,
    error::Mistake,
    outbound::{self, CertificateAuthorities, ForwardProxy, RedirectHost},
};

/// The proxy, in the order in which its variables are looked at.
pub const PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// The hosts that are reached without it, in the order in which the variables are looked at.
pub const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

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

/// How fetches leave the process, without the proxy, which has names of its own.
pub fn outbound_settings_from(reader: &mut impl SettingReader) -> Outbound {
    let authorities = |text: &str| CertificateAuthorities::from_file(text);
    Outbound {
        private_networks: reader.values(&table::PRIVATE_NETWORKS, outbound::private_network),
        redirect_hosts: reader.values(&table::REDIRECT_HOSTS, RedirectHost::parse),
        certificate_authorities: reader
            .value(&table::CA_FILE, authorities)
            .unwrap_or_default(),
        proxy: None,
    }
}

/// How fetches leave the process, out of the names above, however they are looked up.
///
/// # Errors
/// Every mistake at once.
pub fn outbound_from(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Outbound, ConfigurationError> {
    let proxy = proxy_from(&lookup);
    let mut reader = Lookup::new(lookup);
    let outbound = outbound_settings_from(&mut reader);
    let mut mistakes = reader.mistakes;
    let proxy = proxy.map_err(|mistake| mistakes.push(mistake));
    if !mistakes.is_empty() {
        return Err(ConfigurationError { mistakes });
    }
    Ok(Outbound {
        proxy: proxy.ok().flatten().map(|(_, proxy)| proxy),
        ..outbound
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
