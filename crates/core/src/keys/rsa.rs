//! Which RSA keys are strong enough.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "residues of primes below 168, and the lengths of documents that were bounded before"
)]

/// The shortest modulus, in bits (RFC 7518 §3.3).
const SHORTEST: usize = 2_048;
/// The longest modulus, in bits: verification time grows with its square.
const LONGEST: usize = 8_192;

/// Refuses moduli and exponents that are too weak or not written as RFC 7518 §6.3.1 demands.
pub(super) fn check(modulus: &[u8], exponent: &[u8]) -> Result<(), String> {
    let bits = bit_length(modulus)
        .ok_or("its `n` is empty or starts with a zero byte (RFC 7518 §6.3.1.1)")?;
    if !(SHORTEST..=LONGEST).contains(&bits) {
        return Err(format!(
            "its modulus has {bits} bits, where {SHORTEST} to {LONGEST} are allowed"
        ));
    }
    let exponent_bits =
        bit_length(exponent).ok_or("its `e` is empty or starts with a zero byte")?;
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    if !odd || !(2..=33).contains(&exponent_bits) {
        return Err("its exponent is not an odd number from 3 to 2^33".to_owned());
    }
    if modulus.last().is_some_and(|last| last % 2 == 0) {
        return Err("its modulus is even".to_owned());
    }
    if has_roca_fingerprint(modulus) {
        return Err(
            "its modulus comes from a broken generator (ROCA, CVE-2017-15361): it can be factored"
                .to_owned(),
        );
    }
    Ok(())
}

fn bit_length(number: &[u8]) -> Option<usize> {
    match number.first() {
        None | Some(0) => None,
        Some(first) => Some(number.len() * 8 - first.leading_zeros() as usize),
    }
}

/// Primes whose product divides the generator's constant for every key length.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// The broken generator made primes of the form `k·M + (65537^a mod M)`, so that a modulus is a power
/// of 65537 modulo every prime that divides `M`. A random modulus passes all of them about once in 2^27.
fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    PRIMES
        .iter()
        .all(|prime| is_power_of_65537(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], divisor: u32) -> u32 {
    number.iter().fold(0, |remainder, byte| {
        (remainder * 256 + u32::from(*byte)) % divisor
    })
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == residue {
            return true;
        }
        power = power * generator % prime;
    }
    false
}
