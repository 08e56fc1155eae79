//! Answers in JSON.

use http::{StatusCode, header};
use oauthgate_core::Requirement;
use oauthgate_mcp::{Policy, PolicyLayer, Unlisted};
use rstest::rstest;

use super::*;

#[rstest]
#[case("", &["open"])]
#[case("read", &["read", "open"])]
#[case("read-write", &["read", "write", "open"])]
#[tokio::test]
async fn shows_each_caller_what_it_may_call(#[case] held: &str, #[case] expected: &[&str]) {
    let answered = server(|| json(tools(1)))
        .ask(post(list(), &format!("x-{held}")))
        .await;
    assert_eq!(answered.status(), StatusCode::OK);
    assert_eq!(names(&answered.json()), expected);
    let length = answered.body.len().to_string();
    assert_eq!(answered.header("content-length"), Some(&*length));
}

#[tokio::test]
async fn row_52_row_53_every_page_is_private_to_its_reader() {
    for (cursor, scope) in [("\"2\"", "public"), ("null", "private")] {
        let page = format!(
            r#"{{"id":1,"result":{{"tools":[],"nextCursor":{cursor},"cacheScope":"{scope}","ttlMs":300000.0}}}}"#
        );
        let expected = page.replace("public", "private");
        let answered = server(move || json(page.clone())).ask(modern("read")).await;
        assert_eq!(answered.text(), expected);
    }
    let answered = server(|| json(tools(1))).ask(modern("read")).await;
    assert_eq!(answered.json()["result"]["cacheScope"], "private");
    let legacy = server(|| json(tools(1))).ask(post(list(), "read")).await;
    assert_eq!(
        legacy.json()["result"]["cacheScope"],
        serde_json::Value::Null
    );
}

#[tokio::test]
async fn row_52_the_revision_may_stand_in_the_message() {
    let mut message = request(1, "tools/list");
    message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    let mut asked = modern("read");
    *asked.body_mut() = message.to_string().into();
    let answered = server(|| json(tools(1))).ask(asked).await;
    assert_eq!(answered.json()["result"]["cacheScope"], "private");
}

#[rstest]
#[case(&[], "private")]
#[case(&["public, max-age=60"], "private, max-age=60")]
#[case(&["max-age=60, S-MaxAge=600, Public"], "private, max-age=60")]
#[case(&["no-store"], "private, no-store")]
#[case(&["private", "no-cache"], "private, no-cache")]
#[case(&["private=\"set-cookie, public\", max-age=60"], "private, no-cache")]
#[tokio::test]
async fn row_53_g13_caches_on_the_way_keep_no_list_for_others(
    #[case] said: &'static [&'static str],
    #[case] expected: &str,
) {
    let answer = move || {
        let mut answer = json(tools(1));
        let headers = answer.headers_mut();
        for said in said {
            headers.append(header::CACHE_CONTROL, said.parse().unwrap());
        }
        for (name, value) in [
            ("etag", "\"1\""),
            ("last-modified", "Mon, 23 Nov 2026 00:00:00 GMT"),
            ("surrogate-control", "max-age=600"),
            ("cdn-cache-control", "max-age=600"),
            ("some-cdn-cache-control", "max-age=600"),
            ("x-accel-expires", "600"),
            ("edge-control", "max-age=600"),
            ("x-litespeed-cache-control", "public, max-age=600"),
            ("content-digest", "sha-256=:AA==:"),
            ("vary", "origin"),
            ("x-other", "1"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        answer
    };
    let answered = server(answer).ask(post(list(), "read-write")).await;
    assert_eq!(answered.header("cache-control"), Some(expected));
    let vary: Vec<_> = answered.parts.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["origin", "authorization"]);
    let mut left: Vec<_> = answered
        .parts
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    left.sort_unstable();
    let expected = [
        "cache-control",
        "content-length",
        "content-type",
        "vary",
        "x-other",
    ];
    assert_eq!(left, expected);
}

#[tokio::test]
async fn asks_for_a_list_that_can_be_read() {
    let conditional = |body: String| {
        let mut asked = post(body, "read");
        for name in [
            "accept-encoding",
            "range",
            "if-none-match",
            "if-modified-since",
            "x-other",
        ] {
            asked.headers_mut().insert(name, "gzip".parse().unwrap());
        }
        asked
    };
    let server = server(|| json(tools(1)));
    server.ask(conditional(list())).await;
    server.ask(conditional(call("read"))).await;
    let received = server.received();
    let lists = &received[0].headers;
    assert_eq!(lists["accept-encoding"], "identity");
    assert!(
        ["range", "if-none-match", "if-modified-since"]
            .iter()
            .all(|name| !lists.contains_key(*name))
    );
    assert_eq!(lists["x-other"], "gzip");
    assert_eq!(received[1].headers["accept-encoding"], "gzip");
    assert!(received[1].headers.contains_key("range"));
}

#[tokio::test]
async fn answers_to_other_requests_pass_untouched_whatever_they_look_like() {
    let lookalike = tools(1);
    let answer = lookalike.clone();
    let tagged = move || {
        let mut answer = labelled("text/plain", answer.clone());
        answer
            .headers_mut()
            .insert(header::ETAG, "\"1\"".parse().unwrap());
        answer
    };
    for body in [call("read"), request(1, "ping").to_string()] {
        let answered = server(tagged.clone()).ask(post(body, "read")).await;
        assert_eq!(answered.text(), lookalike);
        assert!(answered.header("etag").is_some() && answered.header("vary").is_none());
    }
}

#[tokio::test]
async fn structured_content_in_a_batch_with_a_list_is_not_touched() {
    let batch = json!([
        request(1, "tools/list"),
        request(2, "prompts/list"),
        json!({
        "jsonrpc": "2.0", "id": "c", "method": "tools/call", "params": { "name": "open" } })
    ]);
    let called = r#"{ "id":"c","result":{"tools":[{"name":"secret"}],"structuredContent":{"tools":[{"name":"secret"}]} } }"#;
    let answer = format!("[{}, {called}]", tools(1));
    let answered = server(move || json(answer.clone()))
        .ask(post(batch.to_string(), "read"))
        .await;
    let expected =
        r#"[{"id":1,"jsonrpc":"2.0","result":{"tools":[{"name":"read"},{"name":"open"}]}}, "#;
    assert_eq!(answered.text(), format!("{expected}{called}]"));
}

#[tokio::test]
async fn a_response_in_the_batch_that_has_the_id_of_the_list_opens_nothing() {
    for response in [
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
        json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1, "message": "" } }),
    ] {
        let batch = json!([request(1, "tools/list"), response]);
        let answered = server(|| json(format!("[{}]", tools(1))))
            .ask(post(batch.to_string(), "read"))
            .await;
        assert_eq!(names(&answered.json()[0]), ["read", "open"]);
    }
}

#[tokio::test]
async fn where_nothing_is_decided_nothing_is_read() {
    let all = || json(format!("{} ", tools(1)));
    let everything = format!("{} ", tools(1));
    let without_rules = Server::with(Policy::new()).answering(all);
    assert_eq!(
        without_rules.ask(post(list(), "x")).await.text(),
        everything
    );
    let off = server(all).without_authentication();
    assert_eq!(off.ask(post(list(), "x")).await.text(), everything);
    let open = Policy::new().unlisted(Unlisted::Allow(Requirement::authenticated()));
    let answered = Server::with(open)
        .answering(all)
        .ask(post(list(), "x"))
        .await;
    assert_eq!(answered.text(), everything);
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_the_limit_and_no_longer() {
    let layer = |limit| PolicyLayer::new(policy(), &resource()).max_list_bytes(limit);
    for (spare, expected) in [(0, StatusCode::OK), (1, StatusCode::BAD_GATEWAY)] {
        let server = Server::behind(layer(tools(1).len() - spare)).answering(|| json(tools(1)));
        assert_eq!(server.ask(post(list(), "read")).await.status(), expected);
    }
}
