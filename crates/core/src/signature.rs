//! The only caller of the crypto backend.

/// A token whose signature verified with a key of its issuer's set. Its claims are still to be checked.
#[derive(Debug)]
pub struct SignatureVerified {}
