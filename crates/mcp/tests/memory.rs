//! Reading a message takes a small multiple of its size, however it is made. Alone in its process, because
//! the measure is the process's.
#![cfg(target_os = "linux")]

use oauthgate_mcp::{Payload, Wanted};

const BODY: usize = 1024 * 1024;
/// What reading may take, in bodies.
const MULTIPLE: usize = 6;

/// The most memory that this process ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kibibytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kibibytes.parse::<usize>().unwrap() * 1024
}

/// `before`, then as many of `element(0)`, `element(1)`, … as fit, then `after`.
fn filled(before: &str, element: impl Fn(usize) -> String, after: &str) -> Vec<u8> {
    let mut body = before.to_owned();
    for number in 0.. {
        let element = element(number);
        if body.len() + element.len() + after.len() + 1 > BODY {
            break;
        }
        if number > 0 {
            body.push(',');
        }
        body.push_str(&element);
    }
    body.push_str(after);
    body.into_bytes()
}

/// A short name for each number.
fn short(mut number: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut name = "x".to_owned();
    while number > 0 {
        name.push(LETTERS[number % LETTERS.len()] as char);
        number /= LETTERS.len();
    }
    name
}

/// One name for each number, all alike but for case.
fn cased(number: usize) -> String {
    let letter = |bit: u32| if number >> bit & 1 == 0 { 'a' } else { 'A' };
    (0..20).map(letter).collect()
}

#[test]
fn f21_reading_takes_a_small_multiple_of_the_body() {
    const CALL: &str =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":"#;
    let member = |number| format!("\"{}\":0", short(number));
    let listen = r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["#;
    let watching = format!("{listen}{}]}}}}}}", vec!["\"\""; 1024].join(","));
    let bodies = [
        filled("{", member, r#","jsonrpc":"2.0","method":"ping"}"#),
        filled(&format!("{CALL}{{"), member, "}}}"),
        filled(&format!(r#"{CALL}{{"list":["#), |_| "0".to_owned(), "]}}}"),
        filled(
            &format!(r#"{CALL}{{"list":["#),
            |_| "{\"\":[]}".to_owned(),
            "]}}}",
        ),
        filled(
            &format!(r#"{CALL}{{"path":""#),
            |_| "\\u0061".to_owned(),
            "\"}}}",
        ),
        filled(
            &format!("{CALL}{{"),
            |number| format!("\"{}\":0", cased(number)),
            "}}}",
        ),
        filled(listen, |_| "\"\"".to_owned(), "]}}}"),
        filled("[", |_| r#"{"jsonrpc":"2.0","method":"a"}"#.to_owned(), "]"),
        format!("[{}]", vec![watching; 256].join(",")).into_bytes(),
        "[".repeat(BODY).into_bytes(),
        "{\"a\":".repeat(BODY / 5).into_bytes(),
    ];
    let wanted = Wanted::at(["/path", "/list/7", "/a/b", "/aaaaaaaaaaaaaaaaaaaa"]).unwrap();
    let before = peak();
    let accepted: Vec<_> = bodies
        .iter()
        .map(|body| Payload::read(body, &wanted).is_ok())
        .collect();
    let taken = peak() - before;
    assert_eq!(&accepted[..6], [true; 6], "{accepted:?}");
    assert_eq!(&accepted[6..], [false; 5], "{accepted:?}");
    assert!(taken < MULTIPLE * BODY, "{taken} bytes for {BODY}");
}
