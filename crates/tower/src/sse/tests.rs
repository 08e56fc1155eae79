use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

/// Everything the reader finds when the stream comes in these chunks.
fn read(chunks: &[&[u8]]) -> Vec<Event> {
    let mut reader = EventReader::new(1 << 20);
    let mut events = Vec::new();
    for chunk in chunks {
        reader.push(chunk);
        while let Some(event) = reader.next_event().unwrap() {
            events.push(event);
        }
    }
    events.extend(reader.finish());
    events
}

fn said(events: &[Event]) -> Vec<String> {
    let data = events.iter().filter_map(Event::data);
    data.map(|data| String::from_utf8(data.into_owned()).unwrap())
        .collect()
}

fn only(text: &str) -> Event {
    let mut events = read(&[text.as_bytes()]);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[test]
fn takes_every_kind_of_line_end() {
    for end in ["\n", "\r", "\r\n"] {
        let text = "data: a_data: b__: c_data: d__".replace('_', end);
        assert_eq!(said(&read(&[text.as_bytes()])), ["a\nb", "d"], "{text:?}");
    }
}

#[test]
fn a_line_end_may_be_split_over_chunks() {
    let events = read(&[b"data: a\r", b"\ndata: b\r\n\r", b"\ndata: c\n\n"]);
    assert_eq!(said(&events), ["a\nb", "c"]);
}

#[test]
fn an_event_is_complete_with_the_carriage_return_of_its_empty_line() {
    let mut reader = EventReader::new(64);
    reader.push(b"data: a\r\n\r");
    assert!(reader.next_event().unwrap().is_some());
    reader.push(b"\n");
    let rest = reader.next_event().unwrap().unwrap();
    assert_eq!((rest.raw().as_ref(), rest.data()), (&b"\n"[..], None));
}

#[test]
fn a_byte_order_mark_is_skipped_at_the_beginning_only() {
    let events = read(&[b"\xef\xbb", b"\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n"]);
    assert_eq!(said(&events), ["a"]);
    assert_eq!(events[0].raw().as_ref(), b"\xef\xbb\xbfdata: a\n\n");
    assert_eq!(said(&read(&[b"\xef\xbb\ndata: a\n\n"])), ["a"]);
    assert_eq!(
        said(&read(&[b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n"])),
        [""; 0]
    );
}

#[test]
fn a_comment_between_events_is_complete_with_its_line() {
    let mut reader = EventReader::new(64);
    reader.push(b": keep-alive\r\n");
    let comment = reader.next_event().unwrap().unwrap();
    assert_eq!(comment.raw().as_ref(), b": keep-alive\r\n");
    assert!(reader.is_between_events());
    reader.push(b"data: a\n: inside\n");
    assert!(reader.next_event().unwrap().is_none());
    assert!(!reader.is_between_events());
}

#[test]
fn reads_fields_as_the_standard_does() {
    let event =
        only("id: 1\nevent:update\nretry: 250\nretry: soon\ndata\ndata:  b\nfoo: c\nid: 2\n\n");
    assert_eq!(event.data().unwrap().as_ref(), b"\n b");
    assert_eq!(event.id(), Some(&b"2"[..]));
    assert_eq!(event.event(), Some(&b"update"[..]));
    assert_eq!(event.retry(), Some(250));
    assert_eq!(only("id: a\0\nid: b\nid: c\0\n\n").id(), Some(&b"b"[..]));
    assert_eq!(only("Data: a\nDATA: b\n data: c\n\n").data(), None);
    assert_eq!(only("data: a: b\n\n").data().unwrap().as_ref(), b"a: b");
}

#[test]
fn an_unfinished_event_is_left_at_the_end() {
    let events = read(&[b"data: a\n\ndata: b\ndata: c"]);
    assert_eq!(said(&events), ["a", "b\nc"]);
    assert_eq!(events[1].raw().as_ref(), b"data: b\ndata: c");
}

#[test]
fn other_data_takes_the_place_of_the_first_and_leaves_all_other_lines() {
    let event = only("id: 1\r\ndata: a\r\n: c\r\ndata: b\r\nx\r\n\r\n").with_data(b"d\ne");
    let expected = "id: 1\r\ndata: d\r\ndata: e\r\n: c\r\nx\r\n\r\n";
    assert_eq!(event.raw().as_ref(), expected.as_bytes());
    assert_eq!(
        only("data: a").with_data(b"b\nc").raw().as_ref(),
        b"data: b\ndata: c"
    );
    let marked = only("\u{feff}data: a\n\n").with_data(b"b");
    assert_eq!(marked.raw().as_ref(), "\u{feff}data: b\n\n".as_bytes());
    assert_eq!(marked.data().unwrap().as_ref(), b"b");
}

#[test]
fn fields_may_be_left_out() {
    let event = only("\u{feff}id: 1\r\ndata: a\rx: y\n: c\ndata\n\n");
    let without_data = event.retaining(|field| field.name != b"data");
    assert_eq!(
        without_data.raw().as_ref(),
        "\u{feff}id: 1\r\nx: y\n: c\n\n".as_bytes()
    );
    assert_eq!(event.retaining(|_| true), event);
}

#[test]
fn writes_a_message() {
    let event = Event::message(b"{}\n[]");
    assert_eq!(event.raw().as_ref(), b"data: {}\ndata: []\n\n");
    assert_eq!(event.data().unwrap().as_ref(), b"{}\n[]");
}

#[test]
fn stops_at_the_limit_of_an_event_without_an_end() {
    let mut reader = EventReader::new(1000);
    let mut pushed = 0;
    let refused = loop {
        reader.push(&[b'a'; 100]);
        pushed += 100;
        if let Err(error) = reader.next_event() {
            break error;
        }
    };
    assert_eq!((pushed, refused.limit), (1100, 1000));
    reader.push(b"\n\ndata: b\n\n");
    assert_eq!(reader.next_event(), Err(refused));
}

#[test]
fn a_complete_event_may_be_as_long_as_the_limit_and_no_longer() {
    let mut reader = EventReader::new(9);
    reader.push(b"data: a\n\ndata: bc\n\n");
    assert!(reader.next_event().unwrap().is_some());
    assert!(reader.next_event().is_err());
}

#[test]
fn knows_where_a_stream_may_be_cut() {
    let mut ends = EventEnds::new();
    assert!(ends.is_between_events());
    assert_eq!(ends.pass(b"data: a\n\ndata: b\r\n\r\ndata: c\n"), Some(20));
    assert!(!ends.is_between_events());
    assert_eq!(ends.pass(b"\r"), Some(1));
    assert!(ends.is_between_events());
    assert_eq!(ends.pass(b"\n:"), Some(1));
    assert!(!ends.is_between_events());
    assert_eq!(ends.pass(b"x"), None);
}

/// The standard's algorithm on the whole text, and what an unfinished event would have said.
fn as_the_standard_says(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut data) = (Vec::new(), Vec::new());
    for line in text.split('\n').chain([""]) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if line.is_empty() && !data.is_empty() {
            events.push(std::mem::take(&mut data).join("\n"));
        } else if name == "data" {
            data.push(value.strip_prefix(' ').unwrap_or(value).to_owned());
        }
    }
    events
}

fn stream() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "data", "data: ", "data:", "id: 7", ": c", ":", "event: e", "x", " ", "\u{feff}", "é",
        "\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n",
    ]);
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn chunked<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let (mut rest, mut chunks) = (bytes, Vec::new());
    for size in sizes.iter().cycle().take(bytes.len()) {
        let (chunk, behind) = rest.split_at((*size).min(rest.len()));
        chunks.push(chunk);
        rest = behind;
    }
    chunks.push(rest);
    chunks
}

proptest! {
    #[test]
    fn any_stream_in_any_chunks_reads_alike_and_goes_out_byte_for_byte(
        text in stream(),
        sizes in vec(1usize..9, 1..6),
    ) {
        let chunks = chunked(text.as_bytes(), &sizes);
        let events = read(&chunks);
        let joined: Vec<u8> = events.iter().flat_map(|event| event.raw().to_vec()).collect();
        prop_assert_eq!(joined, text.as_bytes());
        prop_assert_eq!(said(&events), as_the_standard_says(&text));
    }

    #[test]
    fn nothing_complete_is_held_back(text in stream(), sizes in vec(1usize..9, 1..6)) {
        let (mut reader, mut ends) = (EventReader::new(1 << 20), EventEnds::new());
        for chunk in chunked(text.as_bytes(), &sizes) {
            reader.push(chunk);
            let cut = ends.pass(chunk);
            let mut taken = false;
            while reader.next_event().unwrap().is_some() {
                taken = true;
            }
            prop_assert_eq!(taken, cut.is_some());
            prop_assert_eq!(reader.is_between_events(), ends.is_between_events());
            if ends.is_between_events() {
                // A mark alone is no line yet.
                prop_assert!([0, BYTE_ORDER_MARK.len()].contains(&reader.held()));
            }
        }
    }
}
