//! Bodies pass through as they come.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use oauthgate_tower::ResourceServerLayer;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::*;

/// A stream without an end that counts how much of it was asked for.
#[derive(Clone)]
struct Endless {
    asked: Arc<AtomicUsize>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"tick")))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn request_with(body: Endless, token: &str) -> Request<Endless> {
    Request::post("/")
        .header("authorization", format!("Bearer {token}"))
        .body(body)
        .unwrap()
}

#[tokio::test]
async fn streams_the_response_of_the_service() {
    let asked = Arc::new(AtomicUsize::new(0));
    let body = Endless {
        asked: Arc::clone(&asked),
    };
    let inner = service_fn(move |_: Request<Endless>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(body.clone())))
    });
    let service = ResourceServerLayer::new(Provider::default()).layer(inner);
    let request = request_with(
        Endless {
            asked: Arc::default(),
        },
        "good",
    );
    let mut response = service.oneshot(request).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let frame = response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "tick");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn hands_the_request_on_unread() {
    for (token, reaches) in [("good", 1), ("stale", 0)] {
        let (asked, reached) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&reached);
        let inner = service_fn(move |_: Request<Endless>| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok::<_, Infallible>(Response::new(String::new())))
        });
        let service = ResourceServerLayer::new(Provider::default()).layer(inner);
        service
            .oneshot(request_with(
                Endless {
                    asked: Arc::clone(&asked),
                },
                token,
            ))
            .await
            .unwrap();
        assert_eq!(
            (
                asked.load(Ordering::Relaxed),
                reached.load(Ordering::Relaxed)
            ),
            (0, reaches)
        );
    }
}

#[tokio::test]
async fn keeps_the_size_that_the_service_announced() {
    let inner = service_fn(|_: Request<String>| {
        std::future::ready(Ok::<_, Infallible>(Response::new("hello".to_owned())))
    });
    let service = ResourceServerLayer::new(Provider::default()).layer(inner);
    let request = |token: &str| {
        Request::get("/")
            .header("authorization", format!("Bearer {token}"))
            .body(String::new())
            .unwrap()
    };
    let response = service.clone().oneshot(request("good")).await.unwrap();
    assert_eq!(response.body().size_hint().exact(), Some(5));
    let refused = service.oneshot(request("stale")).await.unwrap();
    let announced = refused.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse::<u64>()
        .unwrap();
    assert_eq!(refused.body().size_hint().exact(), Some(announced));
}
