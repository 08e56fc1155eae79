//! The load and the server behind, in one thread that waits for all of their connections at once: so both together
//! are cheap enough to keep a server on another core busy.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
};

use crate::{
    client::{Client, Statuses},
    upstream::Upstream,
};

/// How many events are taken from the kernel at a time.
const EVENTS: usize = 256;
/// Nothing is silent for so long, or the run has failed.
const PATIENCE: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};
/// At once.
const NOW: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};
/// Marks events of clients' connections; the others are the upstream's.
const CLIENT: u64 = 1 << 32;

/// What many requests heard, and how long they took all together.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) statuses: Statuses,
    pub(crate) took: Duration,
}

/// Clients and upstream.
pub(crate) struct Wheel {
    epoll: OwnedFd,
    upstream: Upstream,
    events: Vec<Event>,
    /// Whoever turns it stops when this is true.
    end: Arc<AtomicBool>,
}

impl Wheel {
    pub(crate) fn new(end: Arc<AtomicBool>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let upstream = Upstream::bind()?;
        watch(&epoll, upstream.listener(), Upstream::LISTENER)?;
        Ok(Self {
            epoll,
            upstream,
            events: Vec::with_capacity(EVENTS),
            end,
        })
    }

    /// Where the server behind listens.
    pub(crate) fn upstream_port(&self) -> io::Result<u16> {
        self.upstream.port()
    }

    /// Unless somebody wants the run to end.
    pub(crate) fn is_to_go_on(&self) -> Result<(), String> {
        if self.end.load(Ordering::Relaxed) {
            return Err("it is to end".to_owned());
        }
        Ok(())
    }

    /// Opens connections to a server.
    pub(crate) fn connect(&self, port: u16, count: usize) -> io::Result<Vec<Client>> {
        let numbers = 0..count;
        numbers
            .map(|number| self.connect_one(port, number))
            .collect()
    }

    fn connect_one(&self, port: u16, number: usize) -> io::Result<Client> {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        watch(&self.epoll, &stream, CLIENT | number as u64)?;
        Ok(Client::new(stream))
    }

    /// Opens streams one after the other; they stay open as long as what is returned.
    pub(crate) fn open_streams(
        &mut self,
        port: u16,
        count: usize,
        request: &[u8],
    ) -> io::Result<Vec<Client>> {
        let mut streams: Vec<Client> = Vec::with_capacity(count);
        for number in 0..count {
            let mut stream = self.connect_one(port, number)?;
            stream.ask(request)?;
            let mut has_begun = false;
            while !has_begun {
                let happened = self.turn(&PATIENCE, |ready| {
                    has_begun |= ready == number && stream.has_begun_to_stream()?;
                    Ok(())
                })?;
                if !happened {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            streams.push(stream);
        }
        Ok(streams)
    }

    /// Every client asks anew as soon as it has heard, until so many requests are answered.
    pub(crate) fn ask<'r>(
        &mut self,
        clients: &mut [Client],
        count: usize,
        request: impl Fn(usize) -> &'r [u8],
    ) -> io::Result<Heard> {
        let mut statuses = Statuses::new();
        let begin = Instant::now();
        let mut asked = clients.len().min(count);
        for (number, client) in clients.iter_mut().take(asked).enumerate() {
            client.ask(request(number))?;
        }
        let mut answered = 0;
        while answered < count {
            let happened = self.turn(&PATIENCE, |number| {
                let Some(status) = clients[number].hear()? else {
                    return Ok(());
                };
                *statuses.entry(status).or_default() += 1;
                answered += 1;
                if asked < count {
                    clients[number].ask(request(asked))?;
                    asked += 1;
                }
                Ok(())
            })?;
            if !happened {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(Heard {
            statuses,
            took: begin.elapsed(),
        })
    }

    /// Sends a request at each of these moments after the beginning, on whatever client is free, and says how long
    /// after its moment each was answered: waiting for a free client counts.
    pub(crate) fn pace(
        &mut self,
        clients: &mut [Client],
        moments: &[Duration],
        request: &[u8],
    ) -> io::Result<Vec<Duration>> {
        let mut waits = Vec::with_capacity(moments.len());
        let mut free: Vec<usize> = (0..clients.len()).collect();
        let mut under_way = vec![Duration::ZERO; clients.len()];
        let mut due = moments.iter().copied();
        let mut next = due.next();
        let mut last = Instant::now();
        let begin = last;
        while waits.len() < moments.len() {
            while let (Some(moment), Some(number)) = (next, free.last().copied()) {
                if begin.elapsed() < moment {
                    break;
                }
                free.pop();
                under_way[number] = moment;
                clients[number].ask(request)?;
                next = due.next();
            }
            let happened = self.turn(&NOW, |number| {
                if let Some(status) = clients[number].hear()? {
                    if status != 200 {
                        return Err(io::Error::other(format!("answered {status}")));
                    }
                    waits.push(begin.elapsed().saturating_sub(under_way[number]));
                    free.push(number);
                }
                Ok(())
            })?;
            if happened {
                last = Instant::now();
            } else if last.elapsed().as_secs() >= PATIENCE.tv_sec.unsigned_abs() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(waits)
    }

    /// Whatever happens within this time: requests to the upstream are answered, clients are handed on. Whether
    /// anything happened.
    fn turn(
        &mut self,
        patience: &Timespec,
        mut client: impl FnMut(usize) -> io::Result<()>,
    ) -> io::Result<bool> {
        if self.end.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            Some(patience),
        ) {
            Err(rustix::io::Errno::INTR) | Ok(0) => return Ok(false),
            done => done?,
        };
        for event in &self.events {
            let source = event.data.u64();
            if source & CLIENT != 0 {
                client((source & !CLIENT) as usize)?;
            } else if let Some((stream, number)) = self.upstream.happened(source)? {
                watch(&self.epoll, stream, number)?;
            }
        }
        Ok(true)
    }
}

fn watch(epoll: &OwnedFd, source: impl AsFd, number: u64) -> io::Result<()> {
    Ok(epoll::add(
        epoll,
        source,
        EventData::new_u64(number),
        EventFlags::IN,
    )?)
}
