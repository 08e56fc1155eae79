//! Row D17: one meaning for every header, in whatever order its lines come.

use super::*;

fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, value.parse().unwrap());
    }
    headers
}

fn life(lines: &[&str]) -> Option<u64> {
    freshness(&headers(lines)).map(|life| life.as_secs())
}

#[test]
fn d17_repeated_and_odd_cache_headers_have_one_meaning() {
    assert_eq!(life(&[]), None);
    assert_eq!(life(&["cache-control: public"]), None);
    assert_eq!(life(&["cache-control: public, max-age=600"]), Some(600));
    assert_eq!(life(&["cache-control: max-age=600, no-store"]), Some(0));
    assert_eq!(life(&["cache-control: max-age=600", "age: 100"]), Some(500));
    assert_eq!(life(&["cache-control: max-age=600", "age: 1000"]), Some(0));
    assert_eq!(life(&["cache-control: max-age=-1"]), None);
    assert_eq!(life(&["cache-control: max-age=+1"]), None);
    assert_eq!(
        life(&["cache-control: max-age=99999999999999999999"]),
        Some(LONGEST)
    );
    assert_eq!(
        life(&["cache-control: s-maxage=5, max-age=15, stale-if-error=86400"]),
        Some(15)
    );
}

/// Each pair of lines in both orders.
fn both_orders(lines: [&str; 2]) -> [[&str; 2]; 2] {
    let [first, second] = lines;
    [[first, second], [second, first]]
}

#[test]
fn d17_of_two_lives_the_shorter_and_of_two_ages_the_longer_counts() {
    for lines in both_orders([
        "cache-control: max-age=600",
        "cache-control: Max-Age=\"300\"",
    ]) {
        assert_eq!(life(&lines), Some(300));
    }
    for [first, second] in both_orders(["age: 10", "age: 90"]) {
        assert_eq!(
            life(&["cache-control: max-age=100", first, second]),
            Some(10)
        );
    }
}

const NOW: UnixTime = UnixTime::from_secs(1_792_567_680); // Wed, 21 Oct 2026 07:28:00 GMT

fn wait(lines: &[&str]) -> Option<u64> {
    retry_after(&headers(lines)).map(|after| after.seen_from(NOW).as_secs())
}

#[test]
fn a_retry_after_is_seconds_or_a_date() {
    assert_eq!(wait(&["retry-after: 7"]), Some(7));
    assert_eq!(
        wait(&["retry-after: Wed, 21 Oct 2026 07:28:30 GMT"]),
        Some(30)
    );
    assert_eq!(
        wait(&["retry-after: Wed, 21 Oct 2026 07:27:00 GMT"]),
        Some(0)
    );
    assert_eq!(
        wait(&["retry-after: Wednesday, 21-Oct-26 07:29:00 GMT"]),
        Some(60)
    );
    for odd in [
        "soon",
        "-1",
        "1.5",
        "1 s",
        "",
        "Wed, 21 Oct 2026 07:28:30 CET",
    ] {
        assert_eq!(wait(&[&format!("retry-after: {odd}")]), None, "{odd}");
    }
}

#[test]
fn d17_of_two_pauses_the_longer_counts_and_seconds_before_dates() {
    for lines in both_orders(["retry-after: 7", "retry-after: 70"]) {
        assert_eq!(wait(&lines), Some(70));
    }
    for lines in both_orders([
        "retry-after: Wed, 21 Oct 2026 07:28:30 GMT",
        "retry-after: Wed, 21 Oct 2026 07:28:40 GMT",
    ]) {
        assert_eq!(wait(&lines), Some(40));
    }
    for lines in both_orders([
        "retry-after: Wed, 21 Oct 2026 07:28:30 GMT",
        "retry-after: 5",
    ]) {
        assert_eq!(wait(&lines), Some(5));
    }
}

#[test]
fn d17_two_different_tags_or_places_are_none() {
    assert_eq!(
        entity_tag(&headers(&["etag: \"a\""])).as_deref(),
        Some("\"a\"")
    );
    for lines in both_orders(["etag: \"a\"", "etag: \"b\""]) {
        assert_eq!(entity_tag(&headers(&lines)), None);
    }
    for lines in both_orders(["location: /a", "location: https://b.example/"]) {
        assert_eq!(location(&headers(&lines)), None);
    }
    assert_eq!(
        location(&headers(&["location: /a", "location: /a"])),
        Some("/a")
    );
}

#[test]
fn d17_one_encoding_among_the_lines_is_enough() {
    assert_eq!(encoding(&headers(&[])), None);
    assert_eq!(encoding(&headers(&["content-encoding: identity"])), None);
    for lines in both_orders(["content-encoding: identity", "content-encoding: gzip"]) {
        assert_eq!(encoding(&headers(&lines)).as_deref(), Some("gzip"));
    }
    assert_eq!(
        encoding(&headers(&["content-encoding: gzip, br"])).as_deref(),
        Some("gzip, br")
    );
}
