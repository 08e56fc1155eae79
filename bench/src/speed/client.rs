//! One keep-alive connection of a client that has at most one request under way.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::TcpStream,
};

/// More than any answer is long.
const BUFFER: usize = 16 * 1024;

/// What streams of the upstream begin with.
const EVENT: &[u8] = b"data: opened\n\n";

/// How many answers had which status.
pub(crate) type Statuses = BTreeMap<u16, usize>;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER],
            filled: 0,
        }
    }

    /// Sends a request, which the socket's own buffer is large enough for.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        self.filled = 0;
        self.stream.write_all(request)
    }

    /// Reads what there is; the status once all of the answer has come.
    pub(crate) fn hear(&mut self) -> io::Result<Option<u16>> {
        self.read()?;
        whole(&self.buffer[..self.filled])
    }

    /// Reads what there is; whether the first event of the upstream's streams is among it.
    pub(crate) fn has_begun_to_stream(&mut self) -> io::Result<bool> {
        self.read()?;
        let answer = &self.buffer[..self.filled];
        if !b"HTTP/1.1 200".starts_with(&answer[..answer.len().min(12)]) {
            return Err(io::Error::other(answer.escape_ascii().to_string()));
        }
        Ok(answer.windows(EVENT.len()).any(|bytes| bytes == EVENT))
    }

    fn read(&mut self) -> io::Result<()> {
        let free = &mut self.buffer[self.filled..];
        if free.is_empty() {
            return Err(io::Error::other("an answer that is too long"));
        }
        match self.stream.read(free)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.filled += read;
                Ok(())
            }
        }
    }
}

/// The status of an answer, once all of it is there.
fn whole(answer: &[u8]) -> io::Result<Option<u16>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| number(line.get(9..12)?));
    let length = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(b"content-length:".len())?;
        let is_length = name.eq_ignore_ascii_case(b"content-length:");
        is_length.then(|| number(value.trim_ascii()))?
    });
    let (Some(status), Some(length)) = (status, length) else {
        return Err(io::Error::other(format!(
            "not an answer with a length: {}",
            head.escape_ascii()
        )));
    };
    let is_whole = body.len() >= length;
    Ok(is_whole.then(|| u16::try_from(status).unwrap_or_default()))
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let head =
            b"HTTP/1.1 401 Unauthorized\r\nDate: now\r\ncontent-LENGTH: 2\r\n\r\n".as_slice();
        assert_eq!(whole(head).unwrap(), None);
        assert_eq!(whole(&head[..20]).unwrap(), None);
        assert_eq!(whole(&[head, b"no"].concat()).unwrap(), Some(401));
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
