//! The server behind everybody: answers each request with the same small JSON, or with a stream that stays open.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
};

/// What a stream's request begins with.
pub(crate) const STREAM: &str = "GET /mcp/stream ";

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 48\r\n\r\n\
    {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}";
const OPENED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
    e\r\ndata: opened\n\n\r\n";
/// More than a head's length.
const BUFFER: usize = 16 * 1024;

/// The listening socket and its connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    listener: TcpListener,
    /// By number; a number that is free now is used again.
    connections: Vec<Option<Connection>>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// The beginning of a head, where a read ended within one.
    begun: Vec<u8>,
}

impl Upstream {
    /// The listening socket's number; those of connections are below.
    pub(crate) const LISTENER: u64 = (1 << 32) - 1;

    pub(crate) fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            connections: Vec::new(),
            buffer: vec![0; BUFFER],
        })
    }

    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    pub(crate) fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// The source with this number can be read; a new connection is handed out, with its number.
    pub(crate) fn happened(&mut self, source: u64) -> io::Result<Option<(&TcpStream, u64)>> {
        if source == Self::LISTENER {
            return self.accept();
        }
        let place = usize::try_from(source)
            .ok()
            .and_then(|number| self.connections.get_mut(number));
        if let Some(place) = place
            && let Some(connection) = place
            // Who hung up needs no answer.
            && !connection.answer(&mut self.buffer).unwrap_or(false)
        {
            *place = None;
        }
        Ok(None)
    }

    fn accept(&mut self) -> io::Result<Option<(&TcpStream, u64)>> {
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let free = self.connections.iter().position(Option::is_none);
        let number = free.unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let connection = self.connections[number].insert(Connection {
            stream,
            begun: Vec::new(),
        });
        Ok(Some((&connection.stream, number as u64)))
    }
}

impl Connection {
    /// Reads what there is, and answers if it is the end of a request; nobody pipelines. `false` at the connection's end.
    fn answer(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let read = self.stream.read(buffer)?;
        let mut head = &buffer[..read];
        if !self.begun.is_empty() || !head.ends_with(b"\r\n\r\n") {
            self.begun.extend_from_slice(head);
            head = &self.begun;
        }
        if head.ends_with(b"\r\n\r\n") {
            let is_stream = head.starts_with(STREAM.as_bytes());
            self.stream
                .write_all(if is_stream { OPENED } else { ANSWER })?;
            self.begun.clear();
        }
        Ok(read > 0)
    }
}
