//! Where a request comes from.

use std::net::IpAddr;

use http::request::Parts;

/// The client's address, as a layer further out worked it out. Put it into the request's extensions
/// when the socket's peer is a proxy that you trust; it wins over axum's `ConnectInfo`.
///
/// This crate never reads `Forwarded` or `X-Forwarded-For`: it cannot know which peer may say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address of this request's client, if anybody said it.
    #[must_use]
    pub fn of(parts: &Parts) -> Option<IpAddr> {
        parts
            .extensions
            .get::<Self>()
            .map(|address| address.0)
            .or_else(|| socket_peer(parts))
    }
}

#[cfg(feature = "axum")]
fn socket_peer(parts: &Parts) -> Option<IpAddr> {
    use axum::extract::ConnectInfo;
    use std::net::SocketAddr;

    parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| peer.ip())
}

#[cfg(not(feature = "axum"))]
fn socket_peer(_: &Parts) -> Option<IpAddr> {
    None
}
