//! A real `redis-server` for one test, on a port of its own, ended by its process id.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Ends with the value.
#[derive(Debug)]
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    arguments: Vec<String>,
    /// Where the servers of a cluster talk to each other.
    pub(crate) bus: u16,
    /// Where it speaks TLS, if it was told to.
    pub(crate) tls: u16,
    _directory: TempDir,
}

/// What a server does without, and a sentinel cannot be told.
const FORGETFUL: [&str; 6] = ["--save", "", "--appendonly", "no", "--loglevel", "warning"];

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self::run(FORGETFUL.iter().chain(arguments))
    }

    /// A sentinel with this configuration.
    pub(crate) fn sentinel(configuration: &str) -> Self {
        Self::run([&configuration, &"--sentinel"])
    }

    fn run<'a>(arguments: impl IntoIterator<Item = &'a &'a str>) -> Self {
        let arguments = arguments.into_iter().map(|word| (*word).to_owned());
        let mut arguments: Vec<_> = arguments.collect();
        // What a replica is sent lies in a file for a moment.
        let directory = TempDir::new().unwrap();
        let path = directory.path().to_str().unwrap().to_owned();
        arguments.extend(["--dir".to_owned(), path]);
        // The port may be taken between its choice and the start.
        for _ in 0..10 {
            let port = free_port();
            if let Some(process) = launch(port, &arguments) {
                return Self {
                    process,
                    port,
                    arguments,
                    bus: 0,
                    tls: 0,
                    _directory: directory,
                };
            }
        }
        panic!("redis-server does not start: `cargo xtask setup` installs it");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends the process; nothing is saved.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts again on the same port, empty, after [`Self::kill`].
    pub(crate) fn restart(&mut self) {
        self.process = launch(self.port, &self.arguments).expect("the port is still free");
    }

    /// Stops the process without ending it: connections stay, nothing answers.
    pub(crate) fn hang(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// One command as a foreign client sends it, and the raw answer. A server that is made another's replica,
    /// or no longer one, hangs up on everybody: it is asked again.
    #[expect(clippy::disallowed_methods, reason = "a moment in a test")]
    pub(crate) fn command(&self, words: &[&[u8]]) -> Vec<u8> {
        let begun = Instant::now();
        loop {
            match self.ask(words) {
                Ok(Some(answer)) => return answer,
                Ok(None) => {}
                Err(error) => assert!(was_hung_up(&error), "{error}"),
            }
            assert!(begun.elapsed() < super::PATIENCE, "hung up on every time");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The answer, unless it broke off.
    fn ask(&self, words: &[&[u8]]) -> io::Result<Option<Vec<u8>>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(super::PATIENCE))?;
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).into_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        stream.write_all(&request)?;
        let mut answer = Vec::new();
        if self.arguments.iter().any(|word| word == "--sentinel") {
            // It knows no `QUIT`.
            stream.shutdown(Shutdown::Write)?;
            stream.read_to_end(&mut answer)?;
            return Ok((!answer.is_empty()).then_some(answer));
        }
        stream.write_all(b"*1\r\n$4\r\nQUIT\r\n")?;
        stream.read_to_end(&mut answer)?;
        Ok(answer.strip_suffix(b"+OK\r\n").map(<[u8]>::to_vec))
    }

    /// As [`Self::command`], in text.
    pub(crate) fn say(&self, words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(|word| word.as_bytes()).collect();
        String::from_utf8(self.command(&words)).unwrap()
    }

    /// Every key there is.
    pub(crate) fn keys(&self) -> Vec<String> {
        let answer = String::from_utf8(self.command(&[b"KEYS", b"*"])).unwrap();
        let lines = answer.split("\r\n").skip(2).step_by(2);
        let mut keys: Vec<_> = lines.map(str::to_owned).collect();
        keys.sort();
        keys
    }

    /// The one key whose name holds this word.
    pub(crate) fn key(&self, word: &str) -> String {
        let mut keys = self.keys();
        keys.retain(|key| key.contains(word));
        assert_eq!(keys.len(), 1, "{word}: {keys:?}");
        keys.remove(0)
    }

    /// The text under a key.
    pub(crate) fn text(&self, key: &str) -> Vec<u8> {
        let answer = self.command(&[b"GET", key.as_bytes()]);
        let head = answer.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        answer[head..answer.len() - 2].to_vec()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[expect(clippy::disallowed_methods, reason = "a moment at the start of a test")]
fn nap() {
    std::thread::sleep(Duration::from_millis(10));
}

/// `None` when the process ended, because somebody else has the port.
fn launch(port: u16, arguments: &[String]) -> Option<Child> {
    // The file of a configuration comes first.
    let (file, options) = match arguments {
        [file, options @ ..] if !file.starts_with("--") => (Some(file), options),
        options => (None, options),
    };
    let mut process = Command::new("redis-server")
        .args(file)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed: `cargo xtask setup` does it");
    let begun = Instant::now();
    while begun.elapsed() < super::PATIENCE {
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(process);
        }
        nap();
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

fn was_hung_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}
