use std::{
    io,
    sync::{Arc, Mutex},
};

use proptest::prelude::*;
use tracing::{Dispatch, Level, dispatcher};

use super::*;
use crate::telemetry::logs;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ours(event: fn()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    dispatcher::with_default(&logs::json("trace", move || writer.clone()), event);
    lines.text()
}

fn theirs(event: fn()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let library = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(Level::TRACE)
        .with_writer(move || writer.clone());
    dispatcher::with_default(&Dispatch::new(library.finish()), event);
    lines.text()
}

/// A line without its moment, which is no other's.
fn without_moment(line: &str) -> (&str, usize) {
    let rest = line.strip_prefix("{\"timestamp\":\"").unwrap();
    let (moment, rest) = rest.split_once('"').unwrap();
    (rest, moment.len())
}

#[test]
#[expect(clippy::approx_constant, reason = "a number as any other")]
fn a_line_is_the_one_of_the_library_to_the_byte() {
    let events: &[fn()] = &[
        || tracing::info!("only words"),
        || tracing::error!(target: "oauthgate::elsewhere", "an error"),
        || tracing::warn!(code = 3, "{} and a {}", "words", "field"),
        || tracing::debug!(name = "debugging"),
        || tracing::trace!(name = "tracing"),
        || tracing::info!(name: "named", "named"),
        || tracing::info!(target: "a \"target\"\n", "quotes"),
        || {
            tracing::info!(
                text = "quote \" backslash \\ slash / \n\r\t\u{8}\u{c}\u{0}\u{1b}\u{7f} größe \u{2028} 🦀"
            );
        },
        || tracing::info!(display = %"quote \" \n", debug = ?"quote \" \n", nested = ?vec![Some("a\"b"), None]),
        || tracing::info!(yes = true, no = false, some = Some(1_u8), none = None::<u8>),
        || {
            tracing::info!(
                i64 = i64::MIN,
                u64 = u64::MAX,
                i128 = i128::MIN,
                u128 = u128::MAX,
                small = -1_i8,
                size = 7_usize
            );
        },
        || {
            tracing::info!(
                zero = 0.0,
                minus = -0.0,
                whole = 86_400_000.0,
                third = 0.429,
                fourth = 3.1415,
                huge = 1e300,
                tiny = 1e-300,
                f32 = 0.1_f32
            );
        },
        || tracing::info!(nan = f64::NAN, infinite = f64::INFINITY),
        || tracing::info!(error = &io::Error::other("a \"cause\"") as &(dyn Error + 'static)),
        || tracing::info!(a.dotted.name = 1, "a quoted \"name\"" = 2, r#type = 3),
        || tracing::info!(message = 3, other = "message is no text"),
        || tracing::info!(bytes = &b"bytes"[..], ip = %std::net::Ipv6Addr::LOCALHOST),
        || {
            let span = tracing::info_span!("a span", hidden = 1);
            span.in_scope(|| tracing::info!("within a span"));
        },
        || {
            tracing::info!(
                target: "oauthgate::access",
                method = "POST",
                resource = "mcp",
                status = 403_u16,
                outcome = "refused",
                reason = "insufficient_scope",
                detail = Some("a\\u{a}detail".to_owned()),
                reference = %"01jd7x",
                caller = Some("0123456789abcdef"),
                actors = None::<&str>,
                anonymous = None::<bool>,
                rule = Some("no \"interns\"".to_owned()),
                retry_after_s = Some(3_u64),
                client = %std::net::Ipv4Addr::LOCALHOST,
                duration_ms = 12.345_f64,
            );
        },
    ];
    for event in events {
        let (ours, theirs) = (ours(*event), theirs(*event));
        assert_eq!(without_moment(&ours), without_moment(&theirs));
        assert!(ours.ends_with("}\n"), "{ours}");
    }
}

#[test]
fn what_a_value_logs_while_it_is_shown_gets_a_line_of_its_own() {
    let text = BUFFER.with(|buffer| {
        let mut begun = buffer.borrow_mut();
        begun.extend_from_slice(b"{\"begun\":");
        let text = ours(|| tracing::info!("within"));
        assert_eq!(*begun, b"{\"begun\":");
        text
    });
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["message"], "within");
}

/// Fails when it is shown.
struct Broken;

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("so far")?;
        Err(fmt::Error)
    }
}

#[test]
fn a_value_that_cannot_be_shown_costs_no_line() {
    let text = ours(|| tracing::info!(value = ?Broken, after = 1));
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&line["value"], &line["after"]),
        (&"so far".into(), &1.into())
    );
}

fn told(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut line = Vec::new();
    write(&mut line);
    String::from_utf8(line).unwrap()
}

#[test]
fn each_byte_alone_is_found_at_each_place_of_eight() {
    for (byte, place) in (0..=u8::MAX).flat_map(|byte| (0..8).map(move |place| (byte, place))) {
        for others in [b'a', 0xff, b'!', b'#', b'['] {
            let mut eight = [others; 8];
            eight[place] = byte;
            let expected = needs_escape(byte);
            assert_eq!(
                one_needs_escape(u64::from_le_bytes(eight)),
                expected,
                "{eight:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn h1_any_text_is_escaped_as_the_library_does(text in "(?s).{0,40}|[\\x00-\\x7f\"\\\\]{0,40}") {
        let expected = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(told(|line| quoted(line, &text)), expected);
        let shown_expected = serde_json::to_string(&format!("{text:?}")).unwrap();
        prop_assert_eq!(told(|line| shown(line, format_args!("{text:?}"))), shown_expected);
    }

    #[test]
    fn any_number_is_written_as_the_library_does(bits: u64) {
        let number = f64::from_bits(bits);
        prop_assert_eq!(told(|line| float(line, number)), serde_json::to_string(&number).unwrap());
    }

    #[test]
    fn any_duration_is_written_as_the_library_does(micros in prop_oneof![0..2_000_000_u64, 0..1_u64 << 53]) {
        let number = Duration::from_micros(micros).as_secs_f64() * 1e6;
        let number = number.round() / 1e3;
        prop_assert_eq!(told(|line| float(line, number)), serde_json::to_string(&number).unwrap());
    }
}
