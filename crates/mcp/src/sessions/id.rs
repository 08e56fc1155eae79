//! How a bound session id is written: the server's id, a full stop, the tag in base64url.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::HeaderValue;

use super::secret::Code;

/// How long the id of a server may be, in bytes. Servers of our time use 32 to 40, some put an encrypted
/// state of a kilobyte there; with more, heads get longer than others accept.
pub const MAX_SESSION_ID_LENGTH: usize = 4096;

/// Seconds since the epoch in five bytes: enough for 34,000 years.
const TIME_LENGTH: usize = 5;
const FULL_STOP: u8 = b'.';

/// What stands behind the server's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// Opened by a caller with a token.
    Owned(Code),
    /// Opened without one, at this time in seconds since the epoch. Its length tells it apart.
    Anonymous { opened_at: u64, code: Code },
}

impl Tag {
    fn read(text: &[u8]) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        if let Some(code) = Code::read(&bytes) {
            return Some(Self::Owned(code));
        }
        let (time, code) = bytes.split_first_chunk::<TIME_LENGTH>()?;
        let opened_at = time
            .iter()
            .fold(0, |time, byte| (time << 8) | u64::from(*byte));
        Code::read(code).map(|code| Self::Anonymous { opened_at, code })
    }

    fn write(self) -> String {
        let bytes = match self {
            Self::Owned(code) => code.as_bytes().to_vec(),
            Self::Anonymous { opened_at, code } => {
                let [_, _, _, time @ ..] = opened_at.to_be_bytes();
                [&time, code.as_bytes()].concat()
            }
        };
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// A session id as a client carries it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BoundId<'a> {
    pub(super) id: &'a [u8],
    pub(super) tag: Tag,
}

impl<'a> BoundId<'a> {
    /// Whether the tag fits the id is not looked at here.
    pub(super) fn read(value: &'a HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let stop = bytes.iter().rposition(|byte| *byte == FULL_STOP)?;
        let (id, tag) = (bytes.get(..stop)?, bytes.get(stop + 1..)?);
        let tag = Tag::read(tag)?;
        is_acceptable(id).then_some(Self { id, tag })
    }

    /// `None` when the id is no id (see [`is_acceptable`]).
    pub(super) fn write(&self) -> Option<HeaderValue> {
        let tag = self.tag.write();
        let bytes = [self.id, &[FULL_STOP], tag.as_bytes()].concat();
        is_acceptable(self.id)
            .then(|| HeaderValue::from_bytes(&bytes).ok())
            .flatten()
    }
}

/// Visible ASCII, as every revision with sessions demands, and neither empty nor too long.
pub(super) fn is_acceptable(id: &[u8]) -> bool {
    (1..=MAX_SESSION_ID_LENGTH).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn code() -> Code {
        Code::read(&[7; Code::LENGTH]).unwrap()
    }

    #[rstest]
    #[case(b"1868a90c-d5a2-4e5b-9a3c-3b8d0c1f2e4d")]
    #[case(b"!")]
    #[case(b"with.full.stops.")]
    #[case(&[b'~'; MAX_SESSION_ID_LENGTH])]
    fn reads_back_what_it_wrote(#[case] id: &[u8]) {
        let anonymous = Tag::Anonymous {
            opened_at: (1 << 40) - 1,
            code: code(),
        };
        for tag in [Tag::Owned(code()), anonymous] {
            let written = BoundId { id, tag }.write().unwrap();
            assert_eq!(BoundId::read(&written), Some(BoundId { id, tag }));
        }
    }

    #[rstest]
    #[case::empty(b"")]
    #[case::a_blank(b"a b")]
    #[case::not_ascii("größe".as_bytes())]
    #[case::a_tab(b"a\tb")]
    #[case::too_long(&[b'a'; MAX_SESSION_ID_LENGTH + 1])]
    fn row_46_an_id_is_visible_ascii_of_bounded_length(#[case] id: &[u8]) {
        let tag = Tag::Owned(code());
        assert!(!is_acceptable(id));
        assert_eq!(BoundId { id, tag }.write(), None);
        let written = [id, b".", tag.write().as_bytes()].concat();
        let value = HeaderValue::from_bytes(&written).unwrap();
        assert_eq!(BoundId::read(&value), None);
    }

    #[rstest]
    #[case::no_tag("id")]
    #[case::an_empty_tag("id.")]
    #[case::a_short_tag("id.BwcHBwcHBwcHBwcHBwcH")]
    #[case::another_alphabet("id.BwcHBwcHBwcHBwcHBwcH+w")]
    #[case::padding("id.BwcHBwcHBwcHBwcHBwcHBw==")]
    #[case::trailing_bits("id.BwcHBwcHBwcHBwcHBwcHBx")]
    #[case::a_long_tag("id.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw")]
    fn a_tag_has_one_spelling(#[case] text: &'static str) {
        assert_eq!(BoundId::read(&HeaderValue::from_static(text)), None);
    }
}
