//! Numbers as text, straight into a buffer of bytes: a line has several, and the general formatter costs as much as
//! the rest of it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

/// Appends a number with leading zeros, in so many digits; those before are left out.
pub(super) fn padded<const DIGITS: usize>(line: &mut Vec<u8>, number: u64) {
    let mut digits = [b'0'; DIGITS];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = digit_of(rest);
        rest /= 10;
    }
    line.extend_from_slice(&digits);
}

/// Appends a number.
pub(super) fn digits(line: &mut Vec<u8>, number: u64) {
    /// As many as `u64` may need.
    const MOST: usize = 20;
    let mut digits = [b'0'; MOST];
    let mut rest = number;
    let mut first = MOST;
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = digit_of(rest);
        rest /= 10;
        first = place;
        if rest == 0 {
            break;
        }
    }
    line.extend_from_slice(digits.get(first..).unwrap_or_default());
}

fn digit_of(number: u64) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or_default()
}

/// An address as every other formatter writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address(pub(super) IpAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => dotted(address, f),
            IpAddr::V6(address) => address.fmt(f),
        }
    }
}

fn dotted(address: Ipv4Addr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0; "255.255.255.255".len()];
    let mut length = 0;
    let mut push = |byte: u8| {
        if let Some(place) = text.get_mut(length) {
            *place = byte;
            length += 1;
        }
    };
    for (position, octet) in address.octets().into_iter().enumerate() {
        if position > 0 {
            push(b'.');
        }
        if octet >= 100 {
            push(b'0' + octet / 100);
        }
        if octet >= 10 {
            push(b'0' + octet / 10 % 10);
        }
        push(b'0' + octet % 10);
    }
    let text = text.get(..length).unwrap_or_default();
    f.write_str(str::from_utf8(text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_is_written_as_it_is(number: u64) {
            let mut line = Vec::new();
            digits(&mut line, number);
            prop_assert_eq!(String::from_utf8(line).unwrap(), number.to_string());
        }

        #[test]
        fn an_address_is_written_as_it_is(number: u32, long: u128) {
            for address in [IpAddr::V4(number.into()), IpAddr::V6(long.into())] {
                prop_assert_eq!(Address(address).to_string(), address.to_string());
            }
        }
    }

    #[test]
    fn octets_of_every_length_are_written() {
        for octets in [[0, 9, 10, 99], [100, 101, 199, 255], [255; 4], [0; 4]] {
            let address = IpAddr::V4(octets.into());
            assert_eq!(Address(address).to_string(), address.to_string());
        }
        let mapped = IpAddr::V6(Ipv6Addr::from_bits(0xffff_7f00_0001));
        assert_eq!(Address(mapped).to_string(), "::ffff:127.0.0.1");
    }
}
