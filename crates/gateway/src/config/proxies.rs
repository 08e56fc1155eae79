//! The proxies in front of the gate, and what they are believed.

use ipnet::IpNet;
use oauthgate_core::SettingError;

use super::{
    given::Mistakes,
    settings::{ForwardedHeader, Settings},
};

/// A network of fewer bits is no site's: it reaches over half a continent's registry.
const NARROWEST_V4: u8 = 8;
const NARROWEST_V6: u8 = 16;

const TRUSTED: &str = "OAUTHGATE_TRUSTED_PROXIES";

pub(super) fn forwarded_header(text: &str) -> Result<ForwardedHeader, SettingError> {
    match text {
        "auto" => Ok(ForwardedHeader::Auto),
        "forwarded" => Ok(ForwardedHeader::Forwarded),
        "x-forwarded" => Ok(ForwardedHeader::XForwarded),
        "none" => Ok(ForwardedHeader::Nothing),
        _ => Err(SettingError::new(
            "no such spelling",
            "auto, forwarded, x-forwarded or none",
        )),
    }
}

pub(super) fn proxy_protocol(text: &str) -> Result<bool, SettingError> {
    match text {
        "off" => Ok(false),
        "on" => Ok(true),
        _ => Err(SettingError::new("neither off nor on", "off or on")),
    }
}

/// What would have no effect is a mistake: somebody relies on it.
pub(super) fn check(settings: &Settings, mistakes: &mut Mistakes) {
    if !settings.trusted_proxies.is_empty() {
        return;
    }
    let mut refuse = |name: &str, value: &str| {
        mistakes.add(
            name,
            Some(value),
            format!("no proxy is trusted, so this has no effect: {TRUSTED} is not set"),
            format!("the addresses of your proxies in {TRUSTED}, for example 10.0.0.0/8"),
        );
    };
    match settings.forwarded_header {
        ForwardedHeader::Forwarded => refuse("OAUTHGATE_FORWARDED_HEADER", "forwarded"),
        ForwardedHeader::XForwarded => refuse("OAUTHGATE_FORWARDED_HEADER", "x-forwarded"),
        ForwardedHeader::Auto | ForwardedHeader::Nothing => {}
    }
    if settings.proxy_protocol {
        refuse("OAUTHGATE_PROXY_PROTOCOL", "on");
    }
}

pub(super) fn warnings(settings: &Settings) -> Vec<String> {
    let wide = settings
        .trusted_proxies
        .iter()
        .filter(|network| is_wide(network));
    let mut warnings: Vec<_> = wide
        .map(|network| {
            format!(
                "the trusted network {network} is larger than any site's: every client in it can name any address as its own"
            )
        })
        .collect();
    let believed = settings.proxy_protocol || settings.forwarded_header != ForwardedHeader::Nothing;
    if !settings.trusted_proxies.is_empty() && !believed {
        warnings.push(format!(
            "{TRUSTED} is set, and nothing that these proxies say is believed: OAUTHGATE_FORWARDED_HEADER is none and OAUTHGATE_PROXY_PROTOCOL is off"
        ));
    }
    warnings
}

/// The private networks of IPv6 (RFC 4193) are one large block of small ones.
fn is_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < NARROWEST_V4,
        IpNet::V6(network) => {
            network.prefix_len() < NARROWEST_V6 && !network.addr().is_unique_local()
        }
    }
}
