//! Where a WebSocket's frames end (RFC 6455 §5.2).

/// The longest header: two bytes, eight of length, four of mask.
const LONGEST_HEADER: usize = 14;

/// Opcode of the frame after which its sender says nothing more.
const CLOSE: u8 = 0x8;

/// Follows one direction of a WebSocket without looking at what is said. What is no WebSocket is followed
/// too, and is between two frames by accident only.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; LONGEST_HEADER],
    read: usize,
    payload: u64,
    is_closed: bool,
}

impl Frames {
    /// These bytes passed.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((first, behind)) = bytes.split_first() {
            if self.payload == 0 {
                self.read_header(*first);
                bytes = behind;
            } else {
                let within = self.within_frame(bytes.len());
                self.payload -= within as u64;
                bytes = bytes.get(within..).unwrap_or_default();
            }
        }
    }

    /// How many of the next so many bytes certainly belong to the frame under way.
    pub(super) fn within_frame(&self, bytes: usize) -> usize {
        let rest = match self.payload {
            0 => self.header_length().saturating_sub(self.read),
            payload => usize::try_from(payload).unwrap_or(usize::MAX),
        };
        rest.min(bytes)
    }

    /// Whether a frame may be put in here: none is under way, and its sender has not said goodbye.
    pub(super) fn admit_another(&self) -> bool {
        self.read == 0 && self.payload == 0 && !self.is_closed
    }

    fn read_header(&mut self, byte: u8) {
        if let Some(place) = self.header.get_mut(self.read) {
            *place = byte;
        }
        self.read += 1;
        if self.read >= 2 && self.read == self.header_length() {
            self.is_closed |= self.header[0] & 0x0f == CLOSE;
            self.payload = self.payload_length();
            self.read = 0;
        }
    }

    fn header_length(&self) -> usize {
        if self.read < 2 {
            return 2;
        }
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        2 + self.length_bytes() + mask
    }

    fn length_bytes(&self) -> usize {
        match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }

    fn payload_length(&self) -> u64 {
        let extended = self.header.iter().skip(2).take(self.length_bytes());
        match self.header[1] & 0x7f {
            short @ 0..=125 => u64::from(short),
            _ => extended.fold(0, |length, byte| length << 8 | u64::from(*byte)),
        }
    }
}

/// A frame that ends a connection (§5.5.1): 1008, the code of a policy, is what clients know that are
/// to log in again.
pub(super) fn close(reason: &str) -> Vec<u8> {
    const POLICY: u16 = 1008;
    let mut frame = vec![0x80 | CLOSE];
    // Control frames have 125 bytes at most, two of them for the code.
    let reason = reason.as_bytes().get(..123).unwrap_or(reason.as_bytes());
    frame.push(u8::try_from(2 + reason.len()).expect("it was cut to 123 bytes"));
    frame.extend(POLICY.to_be_bytes());
    frame.extend(reason);
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(opcode: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let length = payload.len();
        let mut frame = vec![0x80 | opcode];
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=125), _) => frame.push(mask | short),
            (_, Ok(medium)) => {
                frame.push(mask | 126);
                frame.extend(medium.to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        if masked {
            frame.extend([1, 2, 3, 4]);
        }
        frame.extend(payload);
        frame
    }

    proptest! {
        #[test]
        fn frames_of_every_length_end_where_they_end(
            lengths in prop::collection::vec(prop_oneof![0usize..300, 65_530usize..65_540], 1..5),
            masked in any::<bool>(),
            piece in 1usize..5_000,
        ) {
            let mut frames = Frames::default();
            for length in lengths {
                let bytes = frame(2, masked, &vec![b'x'; length]);
                let (last, before) = bytes.split_last().unwrap();
                for part in before.chunks(piece) {
                    frames.pass(part);
                    prop_assert!(!frames.admit_another());
                }
                prop_assert_eq!(frames.within_frame(usize::MAX), 1);
                frames.pass(&[*last]);
                prop_assert!(frames.admit_another());
            }
        }

        #[test]
        fn whatever_passes_is_followed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut frames = Frames::default();
            frames.pass(&bytes);
            prop_assert!(frames.within_frame(10) <= 10);
        }
    }

    #[test]
    fn after_a_goodbye_nothing_is_said() {
        let mut frames = Frames::default();
        frames.pass(&frame(8, false, &[3, 232]));
        assert!(!frames.admit_another());
    }

    #[test]
    fn a_length_that_nobody_can_send_is_no_overflow() {
        let mut frames = Frames::default();
        frames.pass(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(frames.within_frame(7), 7);
    }

    #[test]
    fn our_goodbye_is_a_frame() {
        let bytes = close("the access token expired");
        assert_eq!(bytes[..4], [0x88, 26, 3, 240]);
        let mut frames = Frames::default();
        frames.pass(&bytes);
        assert!(frames.is_closed && frames.payload == 0);
        assert_eq!(close(&"x".repeat(500)).len(), 127);
    }
}
