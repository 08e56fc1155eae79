//! The policy's settings.

use std::{fs, time::Duration};

use rstest::rstest;

use super::Setup;
use crate::config::{Loaded, PolicySettings, StreamExpiry, UnlistedTools, effective};

fn policy(loaded: &Loaded) -> &PolicySettings {
    &loaded.settings.resources[0].policy
}

#[test]
fn without_a_word_lists_show_what_may_be_called_and_streams_end_with_their_token() {
    let loaded = Setup::new(&[]).load();
    let shown = |policy: &PolicySettings| format!("{policy:?}");
    assert_eq!(shown(policy(&loaded)), shown(&PolicySettings::default()));
    let grace = Duration::from_secs(5);
    let resource = &loaded.settings.resources[0];
    assert_eq!(resource.stream_expiry, StreamExpiry::Close { grace });
    assert!(loaded.settings.session_secret.is_none() && !loaded.settings.unbound_sessions);
    let shown = effective::table(&loaded.effective);
    for (name, value) in [
        ("list_filter", "callable"),
        ("step_up", "needed"),
        ("max_message_bytes", "4194304"),
        ("max_list_bytes", "4194304"),
        ("stream_expiry", "close"),
        ("stream_expiry_grace", "5"),
        ("danger_unbound_sessions", "false"),
    ] {
        let line = |line: &str| line.split_whitespace().take(2).eq([name, value]);
        assert!(shown.lines().any(line), "no {name} in:\n{shown}");
    }
}

#[rstest]
#[case("OAUTHGATE_LIST_FILTER", "all", "callable, reachable or off")]
#[case("OAUTHGATE_STEP_UP", "all", "needed or cumulative")]
#[case("OAUTHGATE_MAX_MESSAGE_BYTES", "1023", "from 1024 to 268435456")]
#[case("OAUTHGATE_MAX_MESSAGE_BYTES", "4 MiB", "a whole number")]
#[case("OAUTHGATE_MAX_LIST_BYTES", "268435457", "from 1024 to 268435456")]
#[case("OAUTHGATE_STREAM_EXPIRY", "end", "close or keep")]
#[case("OAUTHGATE_STREAM_EXPIRY_GRACE", "301", "300")]
#[case("OAUTHGATE_SESSION_SECRET", "a-short-s3cret", "at least 32")]
#[case("OAUTHGATE_DANGER_UNBOUND_SESSIONS", "yes", "true or false")]
fn h7_a_wrong_value_is_told_with_the_right_ones(
    #[case] name: &str,
    #[case] value: &str,
    #[case] expected: &str,
) {
    let report = Setup::new(&[(name, value)]).report();
    assert!(
        report.starts_with("1 mistake") && report.contains(name) && report.contains(expected),
        "{report}"
    );
    assert!(!report.contains("s3cret"), "{report}");
}

#[test]
fn streams_that_are_kept_have_no_grace() {
    let keep = ("OAUTHGATE_STREAM_EXPIRY", "keep");
    let loaded = Setup::new(&[keep]).load();
    let resource = &loaded.settings.resources[0];
    assert_eq!(resource.stream_expiry, StreamExpiry::Keep);
    let report = Setup::new(&[keep, ("OAUTHGATE_STREAM_EXPIRY_GRACE", "5")]).report();
    assert!(
        report.starts_with("1 mistake") && report.contains("OAUTHGATE_STREAM_EXPIRY_GRACE"),
        "{report}"
    );
}

#[test]
fn sessions_that_are_not_bound_are_warned_about() {
    let loaded = Setup::new(&[("OAUTHGATE_DANGER_UNBOUND_SESSIONS", "true")]).load();
    let warning = loaded.warnings.join("\n");
    assert!(warning.contains("session ids"), "{warning}");
}

#[test]
fn h2_the_session_secret_is_never_shown() {
    let secret = "0123456789-0123456789-0123456789-s3cret";
    let loaded = Setup::new(&[("OAUTHGATE_SESSION_SECRET", secret)]).load();
    assert!(loaded.settings.session_secret.is_some());
    let shown = format!("{:?} {:?}", loaded.settings, loaded.effective);
    assert!(
        shown.contains("[redacted]") && !shown.contains("s3cret"),
        "{shown}"
    );
}

const RESOURCE: &str = r#"
[[resource]]
server_url = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:3001"
issuer_url = "https://auth.example.com"
audience = "https://mcp.example.com/mcp"
"#;

#[test]
fn a_policy_file_is_looked_for_beside_the_file_that_names_it() {
    let setup = Setup::of_file(&format!("{RESOURCE}policy_file = \"rules.toml\""));
    let beside = setup.directory.path().join("rules.toml");
    let rules = "unlisted_tools = \"allow\"\n[[rule]]\ntools = [\"a\"]\n[tools]\nb = [\"x\"]\n[scope_hierarchy]\nx = [\"y\"]\n";
    fs::write(&beside, rules).unwrap();
    let named = beside.to_str().unwrap();
    let by_environment = Setup::new(&[("OAUTHGATE_POLICY_FILE", named)]);
    for loaded in [setup.load(), by_environment.load()] {
        let policy = policy(&loaded);
        assert_eq!(policy.file.as_ref(), Some(&beside));
        assert_eq!(policy.rules.len(), 1);
        assert!(!policy.scope_hierarchy.is_empty());
        let tools = &loaded.settings.resources[0].tools;
        assert!(tools.scopes.contains_key("b") && tools.unlisted == UnlistedTools::Allow);
        let shown = effective::table(&loaded.effective);
        let line = format!("{named}:2");
        assert!(shown.contains(&line), "{shown}");
    }
}

#[rstest]
#[case::missing(None, "cannot be read")]
#[case::no_toml(Some("[[rule]"), "rules.toml:1: not TOML")]
#[case::other_keys(Some("rules = 1"), "`rule`, if that is what you mean")]
#[case::other_settings(Some("listen = 1"), "nothing else in a policy file")]
#[case::rule(Some("[[rule]]\ntools = 1"), "rules.toml:2: rule.tools")]
#[case::tools(Some("[tools]\na = 1.5"), "rules.toml:2: tools.a")]
#[case::unlisted(Some("unlisted_tools = \"a\""), "rules.toml:1: unlisted_tools")]
fn h7_a_mistake_in_a_policy_file_is_told_with_its_line(
    #[case] text: Option<&str>,
    #[case] expected: &str,
) {
    let setup = Setup::of_file(&format!("{RESOURCE}policy_file = \"rules.toml\""));
    if let Some(text) = text {
        fs::write(setup.directory.path().join("rules.toml"), text).unwrap();
    }
    let report = setup.report();
    assert!(
        report.starts_with("1 mistake") && report.contains(expected),
        "{report}"
    );
}

#[rstest]
#[case::cut_to_nothing("")]
#[case::comments("# rules to come\n")]
#[case::no_rule("rule = []")]
#[case::no_tool("[tools]")]
#[case::only_what_is_left("unlisted_tools = \"refuse\"")]
fn a_policy_that_would_leave_everything_open_is_a_mistake(#[case] text: &str) {
    let setup = Setup::of_file(&format!("{RESOURCE}policy_file = \"rules.toml\""));
    fs::write(setup.directory.path().join("rules.toml"), text).unwrap();
    let mut reports = vec![setup.report()];
    if text.contains('=') || text.contains('[') {
        let inline = text.replace("[tools]", "[resource.tools]");
        reports.push(Setup::of_file(&format!("{RESOURCE}{inline}")).report());
    }
    for report in reports {
        let told = report.contains("every good token would be let through");
        assert!(report.starts_with("1 mistake") && told, "{report}");
    }
}

#[test]
fn a_policy_file_may_say_only_which_scopes_imply_which() {
    let setup = Setup::of_file(&format!("{RESOURCE}policy_file = \"rules.toml\""));
    let text = "[scope_hierarchy]\nx = [\"y\"]\n";
    fs::write(setup.directory.path().join("rules.toml"), text).unwrap();
    assert!(!policy(&setup.load()).scope_hierarchy.is_empty());
}

#[test]
fn rules_have_one_place() {
    let setup = Setup::of_file(&format!(
        "{RESOURCE}policy_file = \"rules.toml\"\nunlisted_tools = \"allow\"\n[resource.tools]\na = []\n[[resource.rule]]\ntools = [\"a\"]\n[resource.scope_hierarchy]\nx = [\"y\"]\n"
    ));
    fs::write(
        setup.directory.path().join("rules.toml"),
        "[tools]\nb = []\n",
    )
    .unwrap();
    let report = setup.report();
    assert!(report.starts_with("4 mistake"), "{report}");
    for line in [
        "8: unlisted_tools",
        "9: tools",
        "11: rule",
        "13: scope_hierarchy",
    ] {
        assert!(report.contains(line), "no {line} in {report}");
    }
}
