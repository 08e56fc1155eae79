//! CRC-32C (RFC 9260 appendix A). Bit by bit: it is made once a connection over a few dozen bytes.

/// The polynomial, reflected.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// A sum under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crc32c(u32);

impl Default for Crc32c {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc32c {
    pub(super) fn over(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                sum >> 1 ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 }
            })
        }))
    }

    pub(super) fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_published_sums() {
        let sum = |bytes: &[u8]| Crc32c::default().over(bytes).value();
        assert_eq!(sum(b"123456789"), 0xe306_9283);
        // RFC 3720 appendix B.4.
        assert_eq!(sum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(sum(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(
            Crc32c::default().over(b"1234").over(b"56789").value(),
            sum(b"123456789")
        );
    }
}
