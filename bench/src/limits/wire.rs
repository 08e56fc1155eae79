//! One keep-alive connection as bytes: several requests may be written before the first is answered.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// No answer takes longer, or the run has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many answers had which status.
pub(crate) type Statuses = BTreeMap<u16, u64>;

/// An open connection to a gate.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// Where an answer ends, and what it says.
struct Answer {
    status: u16,
    length: usize,
    is_last: bool,
}

impl Wire {
    /// Connects to a port of loopback.
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            read: Vec::with_capacity(64 * 1024),
        })
    }

    /// Writes requests, and reads until each of the `count` is answered.
    ///
    /// # Errors
    /// When the connection ends before, or an answer has no length.
    pub(crate) fn exchange(
        &mut self,
        requests: &[u8],
        count: usize,
        heard: &mut Statuses,
    ) -> io::Result<()> {
        self.stream.write_all(requests)?;
        for _ in 0..count {
            let answer = self.answer()?;
            *heard.entry(answer.status).or_default() += 1;
            if answer.is_last {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
        Ok(())
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(answer) = whole(&self.read)? {
                self.read.drain(..answer.length);
                return Ok(answer);
            }
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.read.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

/// The first answer, once all of it is there.
fn whole(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let Some(end) = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(io::Error::other)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = field(head, "content-length").and_then(|length| length.parse::<usize>().ok());
    let (Some(status), Some(body)) = (status, body) else {
        return Err(io::Error::other(format!(
            "not an answer with a length: {head}"
        )));
    };
    let length = end + 4 + body;
    let is_last =
        field(head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let is_whole = bytes.len() >= length;
    Ok(is_whole.then_some(Answer {
        status,
        length,
        is_last,
    }))
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_answer_after_the_other() {
        let both = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\n";
        let first = whole(both).unwrap().unwrap();
        assert_eq!((first.status, first.is_last), (401, false));
        assert!(whole(&both[first.length..]).unwrap().is_none());
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
