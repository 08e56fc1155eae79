//! Where one event ends (WHATWG HTML §9.2.6).

/// Follows a stream of events and knows whether it is between two of them: at the beginning of a line,
/// with no field of an event before it. Comments are not part of an event there, so that a server's
/// keep-alive is never taken for half of one.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    line: Line,
    in_event: bool,
    after_carriage_return: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    #[default]
    Start,
    Comment,
    Field,
}

impl Boundary {
    /// Reads on, and gives the offset of the last place between two events, if these bytes have one.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut last = None;
        for (offset, byte) in bytes.iter().enumerate() {
            self.read(*byte);
            if self.is_between_events() {
                last = Some(offset + 1);
            }
        }
        last
    }

    fn is_between_events(&self) -> bool {
        self.line == Line::Start && !self.in_event
    }

    fn read(&mut self, byte: u8) {
        let second_half = byte == b'\n' && self.after_carriage_return;
        self.after_carriage_return = byte == b'\r';
        match (byte, self.line) {
            (b'\n', _) if second_half => {}
            (b'\r' | b'\n', Line::Start) => self.in_event = false,
            (b'\r' | b'\n', _) => self.line = Line::Start,
            (b':', Line::Start) => self.line = Line::Comment,
            (_, Line::Start) => {
                self.line = Line::Field;
                self.in_event = true;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("data: 1\n\n", Some(9))]
    #[case("data: 1\r\n\r\n", Some(11))]
    #[case("data: 1\r\r", Some(9))]
    #[case("data: 1\n\ndata: 2\n", Some(9))]
    #[case("data: 1\n", None)]
    #[case("data: 1", None)]
    #[case("id: 1\ndata: 1\n\n", Some(15))]
    #[case(": ping\n", Some(7))]
    #[case(": ping", None)]
    #[case(":\n\n", Some(3))]
    #[case("data: 1\n: within\n", None)]
    #[case("data: 1\n: within\n\n", Some(18))]
    #[case("\n\n", Some(2))]
    #[case("", None)]
    fn an_event_ends_with_an_empty_line(#[case] text: &str, #[case] expected: Option<usize>) {
        assert_eq!(Boundary::default().advance(text.as_bytes()), expected);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_a_stream_is_cut_into_pieces(text in "[:a\r\n]{0,40}", cut in 0usize..41) {
            let whole = Boundary::default().advance(text.as_bytes());
            let (first, second) = text.split_at(cut.min(text.len()));
            let mut boundary = Boundary::default();
            let before = boundary.advance(first.as_bytes());
            let after = boundary.advance(second.as_bytes()).map(|offset| first.len() + offset);
            prop_assert_eq!(after.or(before), whole);
        }
    }
}
