//! How fetches leave this process: the same for all issuers, because it says something about the
//! machine and its network and nothing about any of them.
//!
//! The defaults suit a machine with a straight way to the internet: documents may name public hosts
//! only, no redirect leaves its origin, the system's certificate authorities are trusted, and there is
//! no proxy. Each field below opens one door for one purpose; none of them turns a check off.

mod authorities;
mod network;
mod proxy;
mod redirect;
mod trust;

pub use authorities::CertificateAuthorities;
use ipnet::IpNet;
pub use network::private_network;
pub use proxy::ForwardProxy;
pub use redirect::RedirectHost;

/// How fetches leave this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outbound {
    /// Networks that are not public and may be named by documents (`jwks_uri`, redirects) all the
    /// same; made by [`private_network`]. The hosts that the operator named need no mention here.
    pub private_networks: Vec<IpNet>,
    /// The other hosts to which a redirect may lead.
    pub redirect_hosts: Vec<RedirectHost>,
    /// Certificate authorities that are trusted in addition to the system's.
    pub certificate_authorities: CertificateAuthorities,
    /// The proxy that connects to whatever is not on this machine.
    pub proxy: Option<ForwardProxy>,
}
