//! Against a server without TLS on loopback.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::*;
use crate::gate::boxed;

const LONG: Duration = Duration::from_secs(60);

/// How many connections there are, and how many there were.
#[derive(Debug, Clone, Default)]
struct Count {
    open: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
}

impl Count {
    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn all(&self) -> usize {
        self.all.load(Ordering::SeqCst)
    }

    async fn falls_to(&self, open: usize) {
        let falls = async {
            while self.open() != open {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let end = timeout(Duration::from_secs(20), falls).await;
        end.unwrap_or_else(|_| panic!("{self:?} instead of {open}"));
    }
}

/// A server that answers each read with this, and its connections.
async fn serve(answer: &'static str) -> (Uri, Count) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let count = Count::default();
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = counted.clone();
            tokio::spawn(async move {
                count.all.fetch_add(1, Ordering::SeqCst);
                count.open.fetch_add(1, Ordering::SeqCst);
                talk(stream, answer).await;
                count.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (uri.parse().unwrap(), count)
}

async fn talk(mut stream: TcpStream, answer: &str) {
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

fn pool(upstream: Uri, idle: Duration, each: usize) -> Pool {
    let mut pool = Pool::new(upstream, HttpConnector::new(), 64 * 1024, idle, 1);
    pool.most = each;
    pool
}

async fn asked(lease: &mut Lease) -> Response<Incoming> {
    let request = Request::get("/").header("host", "a");
    let request = request.body(boxed(Empty::<Bytes>::new())).unwrap();
    let sender = lease.sender().unwrap();
    sender.send_request(request).await.unwrap()
}

/// A connection whose first request is answered, and over.
async fn warm(pool: &Pool) -> Lease {
    let mut lease = pool.lease().await.unwrap();
    let answer = asked(&mut lease).await;
    answer.into_body().collect().await.unwrap();
    lease.sender().unwrap().ready().await.unwrap();
    lease
}

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok";

#[tokio::test]
async fn one_after_another_use_one_connection() {
    let (uri, count) = serve(WHOLE).await;
    let pool = pool(uri, LONG, 9);
    for round in 0..5 {
        assert_eq!(warm(&pool).await.is_used, round > 0);
    }
    assert_eq!((count.open(), count.all()), (1, 1));
}

#[tokio::test]
async fn f20_no_more_are_kept_than_may_be() {
    let (uri, count) = serve(WHOLE).await;
    let pool = pool(uri, LONG, 2);
    let mut burst = Vec::new();
    for _ in 0..5 {
        burst.push(warm(&pool).await);
    }
    assert_eq!((count.open(), count.all()), (5, 5));
    drop(burst);
    count.falls_to(2).await;
    let (first, second) = (warm(&pool).await, warm(&pool).await);
    assert!(first.is_used && second.is_used);
    assert!(!warm(&pool).await.is_used);
}

#[tokio::test]
async fn an_unused_connection_is_closed_though_nobody_asks() {
    let (uri, count) = serve(WHOLE).await;
    let pool = pool(uri, Duration::from_millis(100), 9);
    for all in 1..=2 {
        drop(warm(&pool).await);
        assert_eq!((count.open(), count.all()), (1, all));
        count.falls_to(0).await;
    }
}

#[tokio::test]
async fn f19_a_connection_whose_answer_is_not_over_is_lent_to_nobody() {
    let (uri, count) = serve(HALF).await;
    let pool = pool(uri, LONG, 9);
    let mut first = pool.lease().await.unwrap();
    let answer = asked(&mut first).await;
    drop(first);
    let mut second = pool.lease().await.unwrap();
    assert!(!second.is_used);
    // Nobody reads the rest of either.
    drop((answer, asked(&mut second).await));
    drop(second);
    count.falls_to(0).await;
    assert!(!pool.lease().await.unwrap().is_used);
}

#[tokio::test]
async fn a_connection_that_was_abandoned_is_closed() {
    let (uri, count) = serve(WHOLE).await;
    let pool = pool(uri, LONG, 9);
    let mut lease = warm(&pool).await;
    lease.abandon();
    drop(lease);
    count.falls_to(0).await;
    assert!(!warm(&pool).await.is_used);
}

/// What is under way is dropped with the runtime, and gives its connection back then.
#[test]
fn a_runtime_that_ends_takes_its_connections_along() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (uri, _) = serve(WHOLE).await;
        let lease = warm(&pool(uri, LONG, 9)).await;
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(lease);
        });
        tokio::task::yield_now().await;
    });
    drop(runtime);
}
