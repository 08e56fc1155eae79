//! Lists that show only what their reader may use.
//!
//! A list arrives as the `result` of a JSON-RPC response. The items that [`Shows`] does not show are cut
//! out of its text, `cacheScope` becomes `private`, and every other byte stays where it was: numbers are not
//! rewritten, members keep their order, what we do not know passes.
//!
//! Text that readers may understand differently is [`Unreadable`], and then none of it may be shown: a member
//! twice or in another case, where it decides what the list is; bytes behind the value; what is no JSON.

mod cut;
mod kind;
mod pick;
mod sieve;

pub(crate) use kind::ListKind;
pub(crate) use pick::{Unreadable, members};
pub(crate) use sieve::{Shows, Sieve, has_result, is_batch};

#[cfg(test)]
mod tests;
