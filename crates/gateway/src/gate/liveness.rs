//! How a client is found out that vanished without a word: its battery is empty, its network is gone.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Silence after which the system asks whether anybody is there. An event stream may be silent for hours,
/// and so may a WebSocket.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// Between two such questions.
pub(crate) const INTERVAL: Duration = Duration::from_secs(15);
/// Questions without an answer after which nobody is there.
pub(crate) const QUESTIONS: u32 = 4;

/// How much the system takes of an answer that it cannot send yet. It would take megabytes of one that
/// nobody reads, and then say for minutes that there is no room, though a slow reader goes on.
const UNSENT: u32 = 64 * 1024;

/// Lets the system watch over a connection. `unanswered` is how long a client may leave unanswered what was
/// sent to it; without that the system tries for a quarter of an hour.
pub(super) fn watch(stream: &TcpStream, unanswered: Duration) {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(SILENCE)
        .with_interval(INTERVAL)
        .with_retries(QUESTIONS);
    // A system that lacks one of these serves all the same.
    let _ = stream.set_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
    #[cfg(target_os = "linux")]
    {
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        let _ = socket.set_tcp_user_timeout(Some(unanswered_for(unanswered)));
    }
}

/// Never shorter than the questions of [`SILENCE`], which this time limits as well.
pub(crate) fn unanswered_for(time: Duration) -> Duration {
    time.max(SILENCE + INTERVAL * QUESTIONS)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_system_is_asked_to_watch() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        watch(&stream, Duration::from_secs(600));
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap() && stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time().unwrap(), SILENCE);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), INTERVAL);
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), QUESTIONS);
            let unanswered = socket.tcp_user_timeout().unwrap();
            assert_eq!(unanswered, Some(Duration::from_secs(600)));
        }
    }

    #[test]
    fn nobody_is_given_up_before_all_questions_were_asked() {
        assert_eq!(unanswered_for(Duration::from_secs(1)).as_secs(), 90);
        assert_eq!(unanswered_for(Duration::from_secs(600)).as_secs(), 600);
    }
}
