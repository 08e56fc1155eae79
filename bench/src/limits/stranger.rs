//! Strangers that nobody has seen before: an address, a `kid` and a token of its own for each request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// An IPv4 address of its own for each even number, an IPv6 /64 of its own for each odd one; 2^24 of them.
pub(crate) fn address(number: u64) -> IpAddr {
    let [.., high, middle, low] = number.to_be_bytes();
    if number.is_multiple_of(2) {
        return Ipv4Addr::new(11, high, middle, low).into();
    }
    let low = u16::from_be_bytes([middle, low]);
    Ipv6Addr::new(0x2001, 0xdb8, high.into(), low, 0, 0, 0, 1).into()
}

/// A good token's claims under a `kid` that nobody has, with a signature that belongs to no token.
#[derive(Debug, Clone)]
pub(crate) struct Forger {
    claims: String,
}

impl Forger {
    /// # Panics
    /// When the token is not a compact JWS.
    pub(crate) fn of(good: &str) -> Self {
        let claims = good.split('.').nth(1).expect("a compact JWS");
        Self {
            claims: claims.to_owned(),
        }
    }

    pub(crate) fn token(&self, number: u64) -> String {
        let scrambled = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{scrambled:016x}"}}"#);
        let signature = scrambled.to_be_bytes().repeat(8);
        format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            self.claims,
            URL_SAFE_NO_PAD.encode(signature)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_strangers_have_an_address_or_a_token_in_common() {
        let forger = Forger::of("e30.e30.e30");
        let numbers = (0..100_000).map(|number| number * 97);
        let addresses: HashSet<_> = numbers.clone().map(address).collect();
        let tokens: HashSet<_> = numbers.clone().map(|number| forger.token(number)).collect();
        assert_eq!([addresses.len(), tokens.len()], [100_000; 2]);
    }
}
