//! HTTP/2 written frame by frame (RFC 9113), for what no library would send.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Frame types.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// How long a frame is waited for.
const LIMIT: Duration = Duration::from_secs(30);

/// What the gate said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Http2Event {
    /// The head of an answer; not decoded.
    Head(u32),
    /// A part of an answer.
    Data(u32, Vec<u8>),
    /// A stream was reset.
    Reset(u32),
    /// The connection ends, with a word or without.
    End,
}

/// A connection whose client speaks by hand.
#[derive(Debug)]
pub struct Http2Connection {
    stream: TcpStream,
}

impl Http2Connection {
    /// To the gate at this port; each answer gets so many bytes of room.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn open(port: u16, window: u32) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let mut stream = stream.expect("the gate listens");
        let mut settings = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        settings.extend(window.to_be_bytes());
        let mut begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        begin.extend(frame(SETTINGS, 0, 0, &settings));
        stream.write_all(&begin).await.expect("a beginning");
        Self { stream }
    }

    /// Writes frames. Says whether they were taken.
    pub async fn send(&mut self, frames: &[u8]) -> bool {
        let written = tokio::time::timeout(LIMIT, self.stream.write_all(frames)).await;
        matches!(written, Ok(Ok(())))
    }

    /// What the gate says next, apart from pings and settings.
    ///
    /// # Panics
    /// When it says nothing.
    pub async fn next(&mut self) -> Http2Event {
        loop {
            let frame = tokio::time::timeout(LIMIT, self.read_frame()).await;
            let Some((kind, flags, stream, payload)) = frame.expect("a frame") else {
                return Http2Event::End;
            };
            match kind {
                DATA => return Http2Event::Data(stream, payload),
                HEADERS => return Http2Event::Head(stream),
                RST_STREAM => return Http2Event::Reset(stream),
                GOAWAY => return Http2Event::End,
                SETTINGS if flags & ACK == 0 => {
                    self.send(&frame_of_settings_ack()).await;
                }
                _ => {}
            }
        }
    }

    async fn read_frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, s1, s2, s3, s4] = head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes([s1 & 0x7f, s2, s3, s4]);
        Some((kind, flags, stream, payload))
    }
}

fn frame_of_settings_ack() -> Vec<u8> {
    frame(SETTINGS, ACK, 0, &[])
}

/// The head of a request without a body.
#[must_use]
pub fn http2_request(stream: u32, port: u16, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let authority = format!("localhost:{port}");
    let pseudo = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", path),
        (":authority", authority.as_str()),
    ];
    let fields = pseudo.iter().chain(headers);
    let block: Vec<u8> = fields
        .flat_map(|(name, value)| http2_field(name, value))
        .collect();
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
}

/// The begin of a head.
#[must_use]
pub fn http2_half_head(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, 0, stream, block)
}

/// More of a head, and not the end of it.
#[must_use]
pub fn http2_continuation(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(CONTINUATION, 0, stream, block)
}

/// Takes a request back.
#[must_use]
pub fn http2_reset(stream: u32) -> Vec<u8> {
    const CANCEL: u32 = 8;
    frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
}

/// Gives more room to an answer.
#[must_use]
pub fn http2_room(stream: u32, bytes: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

/// A header without an entry in any table (RFC 7541 §6.2.2).
#[must_use]
pub fn http2_field(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        field.extend(length(text.len()));
        field.extend(text.as_bytes());
    }
    field
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
fn length(length: usize) -> Vec<u8> {
    let Some(mut rest) = length.checked_sub(127) else {
        return vec![u8::try_from(length).expect("less than 127")];
    };
    let mut bytes = vec![127];
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).expect("less than 128") | 0x80);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).expect("less than 128"));
    bytes
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}
