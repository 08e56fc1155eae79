//! The mark of a request that nobody asked for credentials.

/// In the extensions of requests that came through a layer whose provider authenticates nobody
/// (`danger::NoAuth`). Policies further in have nothing to go by then, and decide nothing.
///
/// Only the layer makes one, so nothing from outside can be taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticationOff {}

impl AuthenticationOff {
    pub(crate) fn of_this_layer() -> Self {
        Self {}
    }
}
