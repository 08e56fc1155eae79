//! Names with stars in them.

use std::time::{Duration, Instant};

use oauthgate_mcp::policy::Pattern;
use rstest::rstest;

#[rstest]
#[case("read", "read", true)]
#[case("read", "Read", false)]
#[case("read", "reads", false)]
#[case("*", "", true)]
#[case("*", "a/b\nc", true)]
#[case("read_*", "read_", true)]
#[case("read_*", "read", false)]
#[case("*_file", "read_file", true)]
#[case("*_file", "read_files", false)]
#[case("a*a", "a", false)]
#[case("a*a", "aa", true)]
#[case("a*b*c", "a-b-b-c", true)]
#[case("a*b*c", "a-c-b", false)]
#[case("*ab*ab*", "ab", false)]
#[case("*ab*ab*", "xabab", true)]
#[case("**", "anything", true)]
#[case("a**b", "ab", true)]
#[case(r"\*", "*", true)]
#[case(r"\*", "x", false)]
#[case(r"2\**", "2*3", true)]
#[case(r"a\b", r"a\b", true)]
#[case(r"a\b", "ab", false)]
#[case("a?c", "abc", false)]
#[case("[ab]", "a", false)]
#[case("{a,b}", "a", false)]
#[case("file:///*", "file:///a/b/c", true)]
#[case("\u{fc}*", "\u{fc}ber", true)]
fn matches_names(#[case] pattern: &str, #[case] name: &str, #[case] expected: bool) {
    let pattern = Pattern::parse(pattern).unwrap();
    assert_eq!(pattern.matches(name), expected);
}

#[test]
fn takes_no_longer_for_a_nasty_name() {
    let pattern = Pattern::parse("*a".repeat(200) + "*b").unwrap();
    let begun = Instant::now();
    assert!(!pattern.matches(&"a".repeat(1_000_000)));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn refuses_patterns_that_match_nothing() {
    assert!(Pattern::parse("").is_err());
    assert!(Pattern::parse("a\0b").is_err());
}
