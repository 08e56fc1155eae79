//! How many bad tokens one client may send.
//!
//! Only *refused tokens* are counted: not requests without credentials, not good tokens, not a good token
//! without the scope, not the metadata document, not a token that its issuer signed and that is merely
//! expired or meant for somebody else, and not one that was good lately: the holder of such a token needs
//! the challenge. So the users behind one address never pay for an attacker there, and hosted clients that
//! share few addresses are not throttled by their success.
//!
//! While a client is within its budget every token is verified, and a bad one hears 401. Over budget:
//!
//! 1. A token that was good lately passes as ever. It is known by a keyed hash, and still verified.
//! 2. One that nobody knows is verified at a bounded rate: ten a second for each client and 500 over all.
//!    What turns out good, or signed by its issuer, gives its look back; so any number of good new tokens
//!    gets in, and only bad ones use the rate up.
//! 3. All others hear 429 with `Retry-After`, and nobody looked at them. Whoever comes back after that time
//!    has ten looks a second apart from those that come for the first time, so a flood of made-up tokens
//!    cannot keep a patient newcomer out. A token that was looked at in vain gets no other look for
//!    ten seconds, so one client that sends the same bad token again and again takes none from the others.
//!
//! A bad token that was looked at hears 429 too, unless it may have been good once (`inactive_token`,
//! `unknown_kid`, `key_withdrawn`): its holder must hear that it needs another.
//!
//! A client is a [`crate::ClientNetwork`]: one IPv4 address or one IPv6 /64, unless told otherwise.
//!
//! Memory is bounded, and what is forgotten never blames anybody. Clients lie in small groups that a keyed hash
//! picks; where a group is full, the client that owes least is forgotten first. Whoever wants to be forgotten
//! himself must fill every group with clients that owe more than he does, each with a budget of refused tokens
//! spent, which is what the flood would cost anyway.

mod accounts;
mod announcements;
mod budget;
mod doorstep;
mod known;
mod look;
#[cfg(test)]
mod tests;

pub use budget::{RefusedTokenBudget, RefusedTokens};
pub(crate) use look::Look;
