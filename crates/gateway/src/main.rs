//! oauthgate
fn main() {}
