//! Whether a request may come in at all, before anybody looks at its token.
//!
//! Routing, authorization and the upstream must read the same request. Where two readers could disagree
//! (an encoded slash, two hosts, a dot segment) the request is refused with 400 instead of repaired: what
//! is repaired here may be repaired differently behind us. A foreign `Host` or `Origin` is refused with
//! 403 and no challenge, because a client that sees a challenge would log in again for nothing (and
//! because DNS rebinding must not reach a login).

mod host;
mod origin;
mod path;
mod target;

pub use host::{Authority, HostRules, KnownHosts};
pub use origin::{Origin, OriginRules};
pub use path::RequestPath;
pub use target::RequestTarget;

use oauthgate_core::{Denial, Reason};

/// A refusal of the request itself: nobody could tell what it means.
fn malformed(detail: impl Into<String>) -> Denial {
    Denial::new(Reason::MalformedRequest).with_detail(detail)
}
