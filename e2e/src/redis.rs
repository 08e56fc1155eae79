//! A real Redis for one test.

use std::process::Command;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::process::{Process, free_port};

/// A running `redis-server`, empty at first; nothing is saved.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts one.
    ///
    /// # Panics
    /// When it is not installed (`cargo xtask setup` does it), or does not start.
    pub async fn start() -> Self {
        let mut server = Self {
            port: free_port(),
            process: None,
        };
        server.restart().await;
        server
    }

    /// Starts it anew where it was, empty: nothing was saved.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.kill();
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"]);
        let mut process = Process::start("redis-server", command);
        process.until_listening(self.port).await;
        self.process = Some(process);
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Makes it hang: the system still takes connections and commands for it, and nothing is answered.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on, with all that came meanwhile.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// The names of all values.
    pub async fn keys(&self) -> Vec<String> {
        let answer = self.command(&["KEYS", "*"]).await;
        // An array of strings: each a line with its length, then a line with itself.
        let lines = answer.split("\r\n").skip(2).step_by(2);
        lines.map(str::to_owned).collect()
    }

    /// One command as anybody could send it, and the answer as it came.
    ///
    /// # Panics
    /// When Redis does not answer.
    pub async fn command(&self, words: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))
            .await
            .expect("Redis listens");
        let words = words
            .iter()
            .map(|word| format!("${}\r\n{word}\r\n", word.len()));
        let words: Vec<_> = words.collect();
        let command = format!("*{}\r\n{}*1\r\n$4\r\nQUIT\r\n", words.len(), words.concat());
        stream
            .write_all(command.as_bytes())
            .await
            .expect("a command is taken");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        answer.trim_end_matches("+OK\r\n").to_owned()
    }
}
