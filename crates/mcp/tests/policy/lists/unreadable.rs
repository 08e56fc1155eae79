//! What cannot be read is not shown (F24).

use http::{StatusCode, header};
use oauthgate_core::Reason;
use rstest::rstest;

use super::*;

const PLAIN: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;

fn with(status: u16, media_type: Option<&str>, body: impl Into<Body>) -> http::Response<Body> {
    let mut answer = http::Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    if let Some(media_type) = media_type {
        answer
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type.parse().unwrap());
    }
    answer
}

async fn answered(answer: impl Fn() -> http::Response<Body> + Send + Sync + 'static) -> Answered {
    server(answer).ask(post(list(), "read")).await
}

#[rstest]
#[case("application/json")]
#[case("Application/JSON")]
#[case("application/json;charset=utf-8")]
#[case("application/json; Charset=\"UTF-8\"; x=y")]
#[tokio::test]
async fn f24_json_under_any_name_is_filtered(#[case] media_type: &'static str) {
    let answered = answered(move || labelled(media_type, tools(1))).await;
    assert_eq!(names(&answered.json()), ["read", "open"]);
}

#[rstest]
#[case::created(201, Some("application/json"), tools(1))]
#[case::other_sources(203, Some("application/json"), tools(1))]
#[case::a_part(206, Some("application/json"), tools(1))]
#[case::a_piece_of_text(206, Some("text/plain"), "\"name\":\"secret\"".to_owned())]
#[case::events_created(201, Some("text/event-stream"), format!("data: {}\n\n", tools(1)))]
#[case::plain(200, Some("text/plain"), tools(1))]
#[case::page(200, Some("text/html"), "<p>secret".to_owned())]
#[case::unlabelled(200, None, tools(1))]
#[case::patched(200, Some("application/json-patch+json"), tools(1))]
#[case::seq(200, Some("application/json-seq"), tools(1))]
#[case::two_names(200, Some("application/json, text/event-stream"), tools(1))]
#[case::other_letters(200, Some("application/json; charset=utf-16"), tools(1))]
#[case::events_as_json(200, Some("application/json"), format!("data: {}\n\n", tools(1)))]
#[case::two_documents(200, Some("application/json"), format!("{}\n{}", tools(1), tools(2)))]
#[case::a_batch(200, Some("application/json"), format!("[{}]", tools(1)))]
#[case::twice(200, Some("application/json"), r#"{"id":1,"result":{},"result":{"tools":[{"name":"secret"}]}}"#.to_owned())]
#[case::accepted(202, Some("application/json"), tools(1))]
#[case::accepted_and_plain(202, Some("text/plain"), tools(1))]
#[case::refused(403, Some("application/json"), tools(1))]
#[case::refused_and_plain(403, Some("text/plain"), format!("\u{a0} {}", tools(1)).trim().to_owned())]
#[case::failed(500, None, format!(" {}", tools(1)))]
#[case::failed_in_events(500, Some("text/event-stream"), format!("data: {}\n\n", tools(1)))]
#[case::failed_in_hidden_events(500, Some("text/plain"), format!(": x\rdata: {}\n\n", tools(1)))]
#[case::moved(302, Some("application/json"), tools(1))]
#[tokio::test]
async fn f24_withholds_what_is_not_what_it_says(
    #[case] status: u16,
    #[case] media_type: Option<&'static str>,
    #[case] body: String,
) {
    let answered = answered(move || with(status, media_type, body.clone())).await;
    assert_eq!(answered.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(answered.reason(), Some(Reason::UnreadableAnswer));
    assert!(!answered.text().contains("secret"));
}

#[rstest]
#[case::an_error_under_200(200, Some("application/json"), PLAIN)]
#[case::an_error(400, Some("application/json"), PLAIN)]
#[case::unknown_method(404, Some("application/json; charset=utf-8"), PLAIN)]
#[case::a_problem(
    400,
    Some("application/problem+json"),
    r#"{"title":"no","status":400}"#
)]
#[case::a_batch_of_errors(400, Some("application/json"), "[{\"error\":{}}]")]
#[case::a_page(502, Some("text/html"), "<h1>Bad Gateway</h1>")]
#[case::a_word(404, None, "Not Found")]
#[case::accepted(202, None, "Accepted")]
#[case::accepted_silently(202, None, "")]
#[case::nothing(204, None, "")]
#[case::moved(307, None, "")]
#[case::json_that_is_no_object(404, Some("application/json"), "\"Session not found\"")]
#[case::json_that_is_none(404, Some("application/json"), "Session not found")]
#[case::words_in_brackets(503, None, "[upstream] database is away")]
#[case::words_like_a_field(500, None, "database is away\ndata source is away")]
#[tokio::test]
async fn answers_without_a_result_pass_as_they_are(
    #[case] status: u16,
    #[case] media_type: Option<&'static str>,
    #[case] body: &'static str,
) {
    let answered = answered(move || with(status, media_type, body)).await;
    assert_eq!(
        (answered.status().as_u16(), answered.text()),
        (status, body)
    );
}

#[rstest]
#[case(Some("application/json"))]
#[case(None)]
#[tokio::test]
async fn an_error_without_content_passes_however_its_emptiness_is_framed(
    #[case] media_type: Option<&'static str>,
) {
    let answer = move || {
        let chunks = futures_util::stream::empty::<Result<String, std::io::Error>>();
        with(404, media_type, Body::from_stream(chunks))
    };
    let answered = answered(answer).await;
    assert_eq!((answered.status().as_u16(), answered.text()), (404, ""));
}

#[rstest]
#[case::gzip("gzip")]
#[case::brotli("br")]
#[case::twice("identity, gzip")]
#[case::unknown("x-unknown")]
#[tokio::test]
async fn f24_withholds_what_is_compressed_all_the_same(#[case] encoding: &'static str) {
    for (media_type, asked, expected) in [
        (
            "application/json",
            post(list(), "read"),
            StatusCode::BAD_GATEWAY,
        ),
        (
            "text/event-stream",
            post(list(), "read"),
            StatusCode::BAD_GATEWAY,
        ),
        ("text/event-stream", get("read"), StatusCode::BAD_GATEWAY),
        // Only event streams bring lists that were not asked for.
        ("application/json", get("read"), StatusCode::OK),
        (
            "text/event-stream",
            post(call("read"), "read"),
            StatusCode::OK,
        ),
    ] {
        let answer = move || {
            let mut answer = labelled(media_type, "\u{1f}compressed");
            let headers = answer.headers_mut();
            headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
            answer
        };
        assert_eq!(server(answer).ask(asked).await.status(), expected);
    }
}

#[tokio::test]
async fn f24_withholds_two_media_types_and_other_letters() {
    let two = || {
        let mut answer = json(tools(1));
        answer
            .headers_mut()
            .append(header::CONTENT_TYPE, "text/plain".parse().unwrap());
        answer
    };
    assert_eq!(answered(two).await.status(), StatusCode::BAD_GATEWAY);
    let latin = || {
        json(
            tools(1)
                .replace("secret", "s\u{e9}cret")
                .chars()
                .map(|c| c as u8)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(answered(latin).await.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn f24_an_answer_that_breaks_off_is_withheld() {
    let broken = || {
        let chunks = [Ok(tools(1)), Err(std::io::Error::other("reset"))];
        json(Body::from_stream(futures_util::stream::iter(chunks)))
    };
    let answered = answered(broken).await;
    assert_eq!(answered.reason(), Some(Reason::UnreadableAnswer));
}
