//! One document at one port of loopback, served well or in every bad way, and counted.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Between two bytes of a drip: any document takes longer than anybody should wait.
const BETWEEN_BYTES: Duration = Duration::from_millis(100);
/// The first byte of a TLS handshake, and of a command to Redis: neither ends as an HTTP head does.
const TLS_HANDSHAKE: u8 = 0x16;
const REDIS_ARRAY: u8 = b'*';
const BACKLOG: u32 = 1024;

/// How an outlet answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// 200 with the document.
    Well,
    /// Nobody listens.
    Refused,
    /// The connection is accepted and reset.
    Reset,
    /// The connection is accepted, and no byte comes.
    Silent,
    /// 200 with the document after so long.
    Slow(Duration),
    /// 200 with the document once [`Outlet::release`] was called.
    Held,
    /// This status with a page for people.
    Status(u16),
    /// 200 with this text instead of the document.
    Says(&'static str),
    /// 200 with the document, one byte now and then.
    Drip,
    /// These bytes, whatever was asked.
    Bytes(&'static [u8]),
    /// These bytes, one now and then.
    Trickle(&'static [u8]),
}

/// One document at one port.
#[derive(Debug)]
pub struct Outlet {
    port: u16,
    shared: Arc<Shared>,
    /// Bound and never listening: keeps the port ours while nobody listens.
    _anchor: TcpSocket,
    listening: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    document: Mutex<Vec<u8>>,
    behaviour: Mutex<Behaviour>,
    requests: AtomicU64,
    holding: AtomicUsize,
    released: watch::Sender<bool>,
}

impl Outlet {
    /// Serves a document well.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(document: impl Into<Vec<u8>>) -> Self {
        let anchor = bound(0);
        let outlet = Self {
            port: anchor.local_addr().expect("an address").port(),
            shared: Arc::new(Shared {
                document: Mutex::new(document.into()),
                behaviour: Mutex::new(Behaviour::Well),
                requests: AtomicU64::new(0),
                holding: AtomicUsize::new(0),
                released: watch::Sender::new(false),
            }),
            _anchor: anchor,
            listening: tokio::sync::Mutex::new(None),
        };
        outlet.behave(Behaviour::Well).await;
        outlet
    }

    /// Where it is.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A URL of the document.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/keys", self.port)
    }

    /// Another document from now on.
    ///
    /// # Panics
    /// Never in practice: no holder of the lock panics.
    pub fn publish(&self, document: impl Into<Vec<u8>>) {
        *self.shared.document.lock().expect("no holder panics") = document.into();
    }

    /// Another behaviour from now on; when this returns, it holds.
    ///
    /// # Panics
    /// When the port can no longer be listened on.
    pub async fn behave(&self, behaviour: Behaviour) {
        let mut listening = self.listening.lock().await;
        let listens = behaviour != Behaviour::Refused;
        self.shared.released.send_replace(false);
        *self.shared.behaviour.lock().expect("no holder panics") = behaviour;
        if listens && listening.is_none() {
            let listener = bound(self.port).listen(BACKLOG).expect("the port is ours");
            *listening = Some(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
        } else if !listens && let Some(task) = listening.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Lets every held answer go.
    pub fn release(&self) {
        self.shared.released.send_replace(true);
    }

    /// Connections on which somebody asked for something, since the start.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// How many wait for an answer now.
    #[must_use]
    pub fn holding(&self) -> usize {
        self.shared.holding.load(Ordering::SeqCst)
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if let Some(task) = self.listening.get_mut().take() {
            task.abort();
        }
    }
}

fn bound(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .set_reuseaddr(true)
        .expect("an option of every system");
    let address = ([127, 0, 0, 1], port).into();
    socket.bind(address).expect("the port is free or ours");
    socket
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&shared)));
        }
    }
}

/// One request per connection.
async fn answer(mut stream: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    let behaviour = shared.behaviour.lock().expect("no holder panics").clone();
    if behaviour == Behaviour::Reset {
        stream.readable().await?;
        shared.requests.fetch_add(1, Ordering::SeqCst);
        // Closed with bytes unread: the other side sees a reset.
        return Ok(());
    }
    read_question(&mut stream).await?;
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let _waiting = Waiting::on(&shared);
    match behaviour {
        Behaviour::Well | Behaviour::Refused | Behaviour::Reset => {
            stream.write_all(&ok(&shared.document())).await
        }
        Behaviour::Silent => until_gone(&mut stream).await,
        Behaviour::Slow(pause) => {
            tokio::time::sleep(pause).await;
            stream.write_all(&ok(&shared.document())).await
        }
        Behaviour::Held => {
            let mut released = shared.released.subscribe();
            let _ = released.wait_for(|released| *released).await;
            stream.write_all(&ok(&shared.document())).await
        }
        Behaviour::Status(status) => stream.write_all(&page(status)).await,
        Behaviour::Says(text) => stream.write_all(&ok(text.as_bytes())).await,
        Behaviour::Drip => drip(&mut stream, &ok(&shared.document())).await,
        Behaviour::Bytes(bytes) => stream.write_all(bytes).await,
        Behaviour::Trickle(bytes) => drip(&mut stream, bytes).await,
    }
}

impl Shared {
    fn document(&self) -> Vec<u8> {
        self.document.lock().expect("no holder panics").clone()
    }
}

/// Counts one connection that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn on(shared: &'a Shared) -> Self {
        shared.holding.fetch_add(1, Ordering::SeqCst);
        Self(&shared.holding)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A whole HTTP request, or the beginning of something else. A body that was left unread would reset the
/// connection before the answer arrived.
async fn read_question(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut question = Vec::new();
    while !is_whole(&question) && !matches!(question.first(), Some(&TLS_HANDSHAKE | &REDIS_ARRAY)) {
        if stream.read_buf(&mut question).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

fn is_whole(question: &[u8]) -> bool {
    let end = question.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    end.is_some_and(|end| {
        let (head, rest) = question.split_at(end);
        rest.len() - 4 >= length_of_body(&String::from_utf8_lossy(head))
    })
}

/// Nothing but `Content-Length` is understood; whoever asks us sends short forms.
fn length_of_body(head: &str) -> usize {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, value)| value.trim().parse().ok());
    length.unwrap_or(0)
}

async fn until_gone(stream: &mut TcpStream) -> std::io::Result<()> {
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}

async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(BETWEEN_BYTES).await;
    }
    Ok(())
}

fn ok(body: &[u8]) -> Vec<u8> {
    response("200 OK", "application/json", body)
}

fn page(status: u16) -> Vec<u8> {
    response(
        &format!("{status} Trouble"),
        "text/html",
        b"<!doctype html><title>Trouble</title>",
    )
}

/// Every answer ends its connection, so that a change of behaviour concerns the next question.
fn response(status: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser;

    async fn ask(outlet: &Outlet) -> Option<(u16, String)> {
        let answer = browser::client().get(outlet.url()).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    }

    #[tokio::test]
    async fn leaves_and_comes_back_at_the_same_port() {
        let outlet = Outlet::start("[1]").await;
        for _ in 0..20 {
            assert_eq!(ask(&outlet).await, Some((200, "[1]".to_owned())));
            outlet.behave(Behaviour::Refused).await;
            assert_eq!(ask(&outlet).await, None);
            outlet.behave(Behaviour::Well).await;
        }
        assert_eq!(outlet.requests(), 20);
    }

    #[tokio::test]
    async fn listens_to_the_end_of_a_form() {
        let outlet = Outlet::start("[1]").await;
        let mut stream = TcpStream::connect(("127.0.0.1", outlet.port()))
            .await
            .unwrap();
        let head = b"POST /keys HTTP/1.1\r\nContent-Length: 7\r\n\r\ntoken=";
        stream.write_all(head).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(outlet.requests(), 0);
        stream.write_all(b"a").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("[1]"), "{answer}");
        assert_eq!(outlet.requests(), 1);
    }

    #[tokio::test]
    async fn misbehaves_as_told() {
        let outlet = Outlet::start("[1]").await;
        outlet.behave(Behaviour::Status(500)).await;
        assert_eq!(ask(&outlet).await.map(|(status, _)| status), Some(500));
        outlet.behave(Behaviour::Says("{}")).await;
        assert_eq!(ask(&outlet).await, Some((200, "{}".to_owned())));
        for behaviour in [Behaviour::Reset, Behaviour::Bytes(b"\0\0\r\n\r\n")] {
            outlet.behave(behaviour).await;
            assert_eq!(ask(&outlet).await, None);
        }
        outlet.behave(Behaviour::Held).await;
        let held = async {
            while outlet.holding() == 0 {
                tokio::task::yield_now().await;
            }
            outlet.release();
        };
        let (answer, ()) = tokio::join!(ask(&outlet), held);
        assert_eq!(answer, Some((200, "[1]".to_owned())));
        assert_eq!(outlet.requests(), 5);
    }
}
