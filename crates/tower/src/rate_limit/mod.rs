//! How many bad tokens one client may send.
//!
//! Only *refused tokens* are counted: not requests without credentials, not good tokens, not a good
//! token without the scope, not the metadata document, and not a token that its issuer signed and that
//! is merely expired or meant for somebody else: its holder needs the challenge. So the users behind one address never pay for
//! an attacker there, and hosted clients that share few addresses are not throttled by their success.
//! An address over its budget hears 429 with `Retry-After` for further bad tokens.
//!
//! The count is kept per client: one IPv4 address, or one IPv6 /64. Memory is bounded: the least used
//! clients are forgotten first, which can only make the answer to a stranger 401 again.

mod budget;

pub use budget::RefusedTokenBudget;
