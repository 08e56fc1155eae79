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
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{OAuth21Provider, testing::TestAuthority};

    fn read(variables: &[(&str, &str)]) -> Result<Outbound, ConfigurationError> {
        outbound_from(lookup(variables))
    }

    fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        move |name| {
            let found = variables.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        }
    }

    #[test]
    fn nothing_said_is_the_straight_way_to_the_internet() {
        assert_eq!(read(&[]).unwrap(), Outbound::default());
        let empty = PROXY.map(|name| (name, ""));
        assert_eq!(read(&empty).unwrap(), Outbound::default());
    }

    #[test]
    fn every_name_is_heard() {
        let authority = TestAuthority::new("corp");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), authority.pem()).unwrap();
        let outbound = read(&[
            (OAUTHGATE_PRIVATE_NETWORKS, "10.0.0.0/8, fd00::/8"),
            (OAUTHGATE_REDIRECT_HOSTS, "a.example b.example:8443"),
            (OAUTHGATE_CA_FILE, file.path().to_str().unwrap()),
            ("HTTPS_PROXY", "http://proxy.corp.test:3128"),
            ("NO_PROXY", "corp.test"),
        ])
        .unwrap();
        assert_eq!(outbound.private_networks.len(), 2);
        assert_eq!(outbound.redirect_hosts[1].to_string(), "b.example:8443");
        assert_eq!(
            outbound.certificate_authorities,
            authority.trusted().certificate_authorities
        );
        let expected = ForwardProxy::parse("proxy.corp.test:3128").unwrap();
        assert_eq!(outbound.proxy, Some(expected.with_exceptions("corp.test")));
    }

    #[rstest]
    #[case(&[("HTTPS_PROXY", "a"), ("https_proxy", "b"), ("ALL_PROXY", "c")], "a")]
    #[case(&[("https_proxy", "b"), ("ALL_PROXY", "c"), ("all_proxy", "d")], "b")]
    #[case(&[("HTTPS_PROXY", ""), ("ALL_PROXY", "c"), ("all_proxy", "d")], "c")]
    #[case(&[("all_proxy", "d")], "d")]
    #[case(&[("HTTPS_PROXY", "a"), ("ALL_PROXY", "socks5://c")], "a")]
    fn the_first_proxy_that_is_named_counts(
        #[case] variables: &[(&str, &str)],
        #[case] host: &str,
    ) {
        let proxy = read(variables).unwrap().proxy.unwrap();
        assert_eq!(proxy.to_string(), format!("http://{host}:80"));
    }

    #[test]
    fn plain_http_proxies_are_nothing_to_us() {
        let outbound = read(&[("HTTP_PROXY", "http://a"), ("http_proxy", "http://b")]);
        assert_eq!(outbound.unwrap().proxy, None);
    }

    #[test]
    fn every_mistake_is_reported_at_once_and_no_password() {
        let error = read(&[
            (OAUTHGATE_PRIVATE_NETWORKS, "10.0.0.0/8 8.8.8.0/24"),
            (OAUTHGATE_REDIRECT_HOSTS, "https://a.example/"),
            (OAUTHGATE_CA_FILE, "/nowhere/ca.pem"),
            ("ALL_PROXY", "socks5://user:s3cret@proxy.corp.test"),
        ])
        .unwrap_err();
        let named: Vec<_> = error
            .mistakes
            .iter()
            .map(|mistake| &mistake.setting)
            .collect();
        assert_eq!(
            named,
            [
                OAUTHGATE_PRIVATE_NETWORKS,
                OAUTHGATE_REDIRECT_HOSTS,
                OAUTHGATE_CA_FILE,
                "ALL_PROXY"
            ]
        );
        let report = format!("{error} {error:?}");
        assert!(
            report.contains("SOCKS") && !report.contains("s3cret"),
            "{report}"
        );
        let junk = read(&[("HTTPS_PROXY", "user:s3cret@proxy:port")]).unwrap_err();
        assert!(!format!("{junk} {junk:?}").contains("s3cret"), "{junk}");
    }

    #[test]
    fn a_provider_reports_the_mistakes_of_both_halves() {
        let error = OAuth21Provider::from_lookup(lookup(&[
            ("OAUTH_ISSUER_URL", "https://auth.example.com"),
            ("OAUTH_AUDIENCE", "tools"),
            (OAUTHGATE_CA_FILE, "/nowhere/ca.pem"),
        ]))
        .unwrap_err();
        let named: Vec<_> = error
            .mistakes
            .iter()
            .map(|mistake| &mistake.setting)
            .collect();
        assert_eq!(named, ["MCP_SERVER_URL", OAUTHGATE_CA_FILE]);
    }
}
