//! Secrets, in variables and in files, and what replicas share.

use rstest::rstest;

use super::Setup;

const SECRET: &str = "s3cret-s3cret-s3cret-s3cret-s3cret";
const URL: &str = "rediss://me:s3cret@redis.internal/1";

#[cfg(feature = "redis")]
fn local() -> std::sync::Arc<oauthgate_remote::state::quotas::LocalQuotas> {
    let clock = oauthgate_remote::clock::SystemClock::new();
    let quotas = oauthgate_remote::state::quotas::LocalQuotas::new(1, std::sync::Arc::new(clock));
    std::sync::Arc::new(quotas)
}

/// A good start, and these settings.
#[cfg(feature = "redis")]
fn with_state<'a>(changes: &[(&'a str, &'a str)]) -> Setup {
    let secret = [("OAUTHGATE_STATE_SECRET", SECRET)];
    Setup::new(&[&secret[..], changes].concat())
}

#[cfg(feature = "redis")]
#[rstest]
#[case::one(
    &[("OAUTHGATE_REDIS_URL", URL)],
    "RedisServers(single, rediss://redis.internal:6379/1)"
)]
#[case::no_cluster(
    &[("OAUTHGATE_REDIS_URL", URL), ("OAUTHGATE_REDIS_CLUSTER", "false")],
    "RedisServers(single, rediss://redis.internal:6379/1)"
)]
#[case::comma(&[("OAUTHGATE_REDIS_URL", "redis://:s3cret,too@host")], "redis://host:6379/0)")]
#[case::cluster(
    &[
        ("OAUTHGATE_REDIS_URL", "rediss://me:s3cret@one rediss://me:s3cret@two:7000"),
        ("OAUTHGATE_REDIS_CLUSTER", "true"),
    ],
    "RedisServers(cluster, rediss://one:6379/0 rediss://two:7000/0)"
)]
#[case::sentinels(
    &[
        ("OAUTHGATE_REDIS_URL", "rediss://me:s3cret@ignored/2"),
        ("OAUTHGATE_REDIS_SENTINELS", "redis://:s3cret@one:26379, rediss://:s3cret@two:26379"),
        ("OAUTHGATE_REDIS_SENTINEL_MASTER", "mymaster"),
    ],
    "RedisServers(sentinel, master mymaster of redis://one:26379/0 rediss://two:26379/0)"
)]
fn a_cluster_and_a_master_of_sentinels_are_shared_too(
    #[case] changes: &[(&str, &str)],
    #[case] expected: &str,
) {
    let setup = with_state(changes);
    let loaded = setup.load();
    let shared = loaded.settings.shared_state.as_ref().unwrap();
    let shown = format!(
        "{shared:?} {:?} {:?}",
        shared.open(local()).unwrap(),
        setup.sources
    );
    assert!(shown.contains(expected), "{shown}");
    let shown = [shown, super::effective::table(&loaded.effective)].join("\n");
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[cfg(feature = "redis")]
#[test]
fn quotas_are_counted_as_the_settings_say() {
    let quotas = |changes: &[(&str, &str)]| {
        let url = [("OAUTHGATE_REDIS_URL", "redis://127.0.0.1")];
        let loaded = with_state(&[&url[..], changes].concat()).load();
        let shared = loaded.settings.shared_state.unwrap();
        (format!("{shared:?}"), shared.is_required())
    };
    let (shown, is_required) = quotas(&[]);
    assert!(shown.contains("timeout: 20ms"), "{shown}");
    assert!(shown.contains("share: 100"), "{shown}");
    assert!(!is_required);
    let (shown, is_required) = quotas(&[
        ("OAUTHGATE_REDIS_TIMEOUT", "5"),
        ("OAUTHGATE_REDIS_LIMITS", "fallback"),
        ("OAUTHGATE_REDIS_LOCAL_SHARE", "34"),
    ]);
    assert!(shown.contains("timeout: 5ms"), "{shown}");
    assert!(shown.contains("share: 34"), "{shown}");
    assert!(!is_required);
    assert!(quotas(&[("OAUTHGATE_REDIS_LIMITS", "require")]).1);
}

#[cfg(feature = "redis")]
#[test]
fn a17_all_contradictions_between_what_is_shared_are_told_at_once() {
    let report = Setup::new(&[
        (
            "OAUTHGATE_REDIS_URL",
            "redis://me:s3cret@a/x, redis://:s3cret@b/y",
        ),
        ("OAUTHGATE_REDIS_CLUSTER", "true"),
        ("OAUTHGATE_REDIS_SENTINELS", "redis://:s3cret@c/z"),
        ("OAUTHGATE_REDIS_TIMEOUT", "0"),
        ("OAUTHGATE_REDIS_LIMITS", "require"),
        ("OAUTHGATE_REDIS_LOCAL_SHARE", "101"),
        ("OAUTHGATE_REDIS_CA_FILE", "/nowhere"),
    ])
    .report();
    for part in [
        "OAUTHGATE_STATE_SECRET: required with OAUTHGATE_REDIS_URL",
        "OAUTHGATE_REDIS_CLUSTER: a cluster looks after itself",
        "OAUTHGATE_REDIS_SENTINEL_MASTER: required with",
        "OAUTHGATE_REDIS_TIMEOUT",
        "OAUTHGATE_REDIS_LOCAL_SHARE: with OAUTHGATE_REDIS_LIMITS=require",
        "a whole number from 1 to 100",
        "\"/nowhere\": the file cannot be read",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert_eq!(report.matches("not the number of a database").count(), 3);
    assert!(!report.contains("s3cret"), "{report}");
}

#[cfg(feature = "redis")]
#[rstest]
#[case::several(
    &[("OAUTHGATE_REDIS_URL", "redis://:s3cret@a redis://:s3cret@b")],
    "OAUTHGATE_REDIS_CLUSTER=true"
)]
#[case::alike(
    &[("OAUTHGATE_REDIS_URL", "redis://:s3cret@a redis://b"), ("OAUTHGATE_REDIS_CLUSTER", "true")],
    "all reached alike"
)]
#[case::database(
    &[("OAUTHGATE_REDIS_URL", "redis://:s3cret@a/1"), ("OAUTHGATE_REDIS_CLUSTER", "true")],
    "no databases but 0"
)]
#[case::which(
    &[("OAUTHGATE_REDIS_URL", "redis://:s3cret@a"), ("OAUTHGATE_REDIS_CLUSTER", "yes")],
    "neither true nor false"
)]
#[case::nameless(
    &[("OAUTHGATE_REDIS_URL", "redis://:s3cret@a"), ("OAUTHGATE_REDIS_SENTINELS", "redis://b")],
    "OAUTHGATE_REDIS_SENTINEL_MASTER: required"
)]
#[case::unasked(
    &[("OAUTHGATE_REDIS_URL", "redis://:s3cret@a"), ("OAUTHGATE_REDIS_SENTINEL_MASTER", "m")],
    "no sentinel is asked"
)]
#[case::name(
    &[
        ("OAUTHGATE_REDIS_URL", "redis://:s3cret@a"),
        ("OAUTHGATE_REDIS_SENTINELS", "redis://b"),
        ("OAUTHGATE_REDIS_SENTINEL_MASTER", "my master"),
    ],
    "no master can have this name"
)]
#[case::limits(
    &[("OAUTHGATE_REDIS_URL", "redis://:s3cret@a"), ("OAUTHGATE_REDIS_LIMITS", "maybe")],
    "no such behaviour"
)]
#[case::slow(
    &[("OAUTHGATE_REDIS_URL", "redis://:s3cret@a"), ("OAUTHGATE_REDIS_TIMEOUT", "1001")],
    "from 1 to 1000"
)]
#[case::authorities_of_nobody(
    &[
        ("OAUTHGATE_REDIS_URL", "redis://:s3cret@a"),
        ("OAUTHGATE_REDIS_SENTINELS", "redis://b"),
        ("OAUTHGATE_REDIS_SENTINEL_MASTER", "m"),
        ("OAUTHGATE_REDIS_CA_FILE", "/etc/hostname"),
    ],
    "no address is encrypted"
)]
fn h7_servers_that_contradict_each_other_are_told_without_their_passwords(
    #[case] changes: &[(&str, &str)],
    #[case] expected: &str,
) {
    let report = with_state(changes).report();
    assert!(report.contains(expected), "{report}");
    assert!(!report.contains("s3cret"), "{report}");
}

#[cfg(feature = "redis")]
#[rstest]
#[case("OAUTHGATE_REDIS_CLUSTER", "true")]
#[case("OAUTHGATE_REDIS_SENTINELS", "redis://a")]
#[case("OAUTHGATE_REDIS_SENTINEL_MASTER", "m")]
#[case("OAUTHGATE_REDIS_TIMEOUT", "5")]
#[case("OAUTHGATE_REDIS_LIMITS", "require")]
#[case("OAUTHGATE_REDIS_LOCAL_SHARE", "50")]
fn a_setting_of_redis_alone_is_a_mistake(#[case] name: &str, #[case] value: &str) {
    let report = Setup::new(&[(name, value)]).report();
    assert!(report.contains(name), "{report}");
    assert!(report.contains("nothing is shared"), "{report}");
}

#[cfg(feature = "redis")]
#[test]
fn passwords_of_sentinels_and_masters_in_the_clear_are_warned_about() {
    let warnings = |url: &str, sentinels: &str| {
        let loaded = with_state(&[
            ("OAUTHGATE_REDIS_URL", url),
            ("OAUTHGATE_REDIS_SENTINELS", sentinels),
            ("OAUTHGATE_REDIS_SENTINEL_MASTER", "m"),
        ])
        .load();
        loaded.warnings.join("\n")
    };
    let warned = warnings("redis://:s3cret@ignored", "rediss://:s3cret@elsewhere");
    assert!(
        warned.contains("the master that the sentinels know"),
        "{warned}"
    );
    let warned = warnings("rediss://:s3cret@ignored", "redis://:s3cret@elsewhere");
    assert!(warned.contains("redis://elsewhere:6379"), "{warned}");
    assert!(!warned.contains("s3cret"), "{warned}");
    for (url, sentinels) in [
        ("rediss://:s3cret@ignored", "rediss://:s3cret@elsewhere"),
        ("redis://ignored", "redis://elsewhere"),
        ("redis://:s3cret@ignored", "redis://:s3cret@127.0.0.1:26379"),
    ] {
        assert_eq!(warnings(url, sentinels), "", "{url} {sentinels}");
    }
}

#[cfg(feature = "redis")]
#[test]
fn a_server_and_a_secret_are_enough_to_share() {
    let loaded = Setup::new(&[
        ("OAUTHGATE_REDIS_URL", URL),
        ("OAUTHGATE_STATE_SECRET", SECRET),
    ])
    .load();
    let shared = loaded.settings.shared_state.as_ref().unwrap();
    let shown = format!("{shared:?} {:?}", shared.open(local()).unwrap().status());
    assert!(shown.contains("rediss://redis.internal:6379/1"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert_eq!(loaded.warnings, [""; 0]);
    assert!(Setup::new(&[]).load().settings.shared_state.is_none());
}

#[cfg(feature = "redis")]
#[test]
fn h2_show_hides_every_secret_wherever_it_comes_from() {
    let sentinels = "redis://:s3cret@10.0.0.1:26379,redis://:s3cret@10.0.0.2:26379";
    let setup = Setup::new(&[
        ("OAUTHGATE_REDIS_URL", URL),
        ("OAUTHGATE_REDIS_SENTINELS", sentinels),
        ("OAUTHGATE_REDIS_SENTINEL_MASTER", "mymaster"),
    ]);
    setup.write("state_secret_file = \"mounted/secret\"\n");
    std::fs::create_dir(setup.directory.path().join("mounted")).unwrap();
    let file = setup.directory.path().join("mounted/secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let loaded = setup.load();
    let shown = [
        super::effective::table(&loaded.effective),
        super::effective::json(&loaded.effective),
        format!("{loaded:?} {:?}", setup.sources),
    ]
    .join("\n");
    assert!(!shown.contains("s3cret"), "{shown}");
    for name in ["redis_url", "redis_sentinels", "state_secret"] {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains("[redacted]"), "{line}");
    }
    assert!(shown.contains("oauthgate.toml:1"), "{shown}");
}

#[cfg(feature = "redis")]
#[rstest]
#[case::bare("", true)]
#[case::line("\n", true)]
#[case::windows("\r\n", true)]
#[case::two_lines("\n\n", false)]
#[case::blank(" \n", false)]
fn a_secret_file_loses_one_line_feed_at_its_end(#[case] end: &str, #[case] good: bool) {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("secret");
    std::fs::write(&file, format!("{SECRET}{end}")).unwrap();
    let setup = Setup::new(&[
        ("OAUTHGATE_REDIS_URL", "redis://127.0.0.1"),
        ("OAUTHGATE_STATE_SECRET_FILE", file.to_str().unwrap()),
    ]);
    assert_eq!(setup.sources.load().is_ok(), good);
    if !good {
        let report = setup.report();
        assert!(report.contains("OAUTHGATE_STATE_SECRET_FILE"), "{report}");
        assert!(!report.contains("s3cret"), "{report}");
    }
}

#[cfg(feature = "redis")]
#[test]
fn the_environment_beats_the_file_in_either_form() {
    let setup = Setup::new(&[
        ("OAUTHGATE_REDIS_URL", URL),
        ("OAUTHGATE_STATE_SECRET", SECRET),
    ]);
    setup.write("redis_url_file = \"url\"\nstate_secret_file = \"short\"\n");
    std::fs::write(setup.directory.path().join("url"), "redis://other").unwrap();
    std::fs::write(setup.directory.path().join("short"), "short").unwrap();
    let shared = setup.load().settings.shared_state.unwrap();
    assert!(format!("{shared:?}").contains("redis.internal"));
}

#[cfg(feature = "redis")]
#[test]
fn a_password_in_the_clear_is_warned_about_unless_it_stays_on_this_machine() {
    let warnings = |url: &str| {
        let loaded = Setup::new(&[
            ("OAUTHGATE_REDIS_URL", url),
            ("OAUTHGATE_STATE_SECRET", SECRET),
        ])
        .load();
        loaded.warnings.join("\n")
    };
    let warned = warnings("redis://:s3cret@redis.internal");
    assert!(warned.contains("rediss://"), "{warned}");
    assert!(!warned.contains("s3cret"), "{warned}");
    for url in [
        "redis://:s3cret@127.0.0.1",
        "redis://:s3cret@[::1]:7",
        "redis://:s3cret@localhost",
        "redis://redis.internal",
        URL,
    ] {
        assert_eq!(warnings(url), "", "{url}");
    }
}

#[cfg(feature = "redis")]
#[rstest]
#[case::no_secret(&[("OAUTHGATE_REDIS_URL", URL)], "openssl rand -base64 32")]
#[case::why(&[("OAUTHGATE_REDIS_URL", URL)], "could plant keys")]
#[case::short(&[("OAUTHGATE_REDIS_URL", URL), ("OAUTHGATE_STATE_SECRET", "s3cret")], "32 random bytes")]
#[case::a12_blank(&[("OAUTHGATE_REDIS_URL", URL), ("OAUTHGATE_STATE_SECRET", " ")], "empty")]
#[case::secret_alone(&[("OAUTHGATE_STATE_SECRET", SECRET)], "nothing is shared")]
#[case::authorities_alone(&[("OAUTHGATE_REDIS_CA_FILE", "/ca.pem")], "nothing is shared")]
#[case::scheme(&[("OAUTHGATE_REDIS_URL", "http://me:s3cret@host"), ("OAUTHGATE_STATE_SECRET", SECRET)], "not redis or rediss")]
#[case::insecure(&[("OAUTHGATE_REDIS_URL", "rediss://me:s3cret@host/#insecure"), ("OAUTHGATE_STATE_SECRET", SECRET)], "fragment")]
#[case::no_authorities(
    &[("OAUTHGATE_REDIS_URL", URL), ("OAUTHGATE_STATE_SECRET", SECRET), ("OAUTHGATE_REDIS_CA_FILE", "/nowhere")],
    "cannot be read"
)]
#[case::not_pem(
    &[("OAUTHGATE_REDIS_URL", URL), ("OAUTHGATE_STATE_SECRET", SECRET), ("OAUTHGATE_REDIS_CA_FILE", "/etc/hostname")],
    "PEM"
)]
#[case::authorities_beside_another_mistake(
    &[("OAUTHGATE_REDIS_URL", "nonsense"), ("OAUTHGATE_STATE_SECRET", SECRET), ("OAUTHGATE_REDIS_CA_FILE", "/nowhere")],
    "\"/nowhere\": the file cannot be read"
)]
#[case::authorities_without_end(
    &[("OAUTHGATE_REDIS_URL", URL), ("OAUTHGATE_STATE_SECRET", SECRET), ("OAUTHGATE_REDIS_CA_FILE", "/dev/zero")],
    "this is no file"
)]
#[case::authorities_of_nothing(
    &[("OAUTHGATE_REDIS_URL", "redis://host"), ("OAUTHGATE_STATE_SECRET", SECRET), ("OAUTHGATE_REDIS_CA_FILE", "/etc/hostname")],
    "rediss://"
)]
fn h7_what_cannot_be_shared_is_told_without_the_secret(
    #[case] changes: &[(&str, &str)],
    #[case] expected: &str,
) {
    let report = Setup::new(changes).report();
    assert!(report.contains(expected), "{report}");
    assert!(!report.contains("s3cret"), "{report}");
}

#[rstest]
#[case::both(
    &[("OAUTHGATE_STATE_SECRET", SECRET), ("OAUTHGATE_STATE_SECRET_FILE", "/s")],
    "OAUTHGATE_STATE_SECRET is set as well"
)]
#[case::no_file(&[("OAUTHGATE_STATE_SECRET_FILE", "/nowhere")], "\"/nowhere\": the file cannot be read")]
#[case::directory(&[("OAUTHGATE_REDIS_URL_FILE", "/etc")], "the file cannot be read")]
#[case::endless(&[("OAUTHGATE_REDIS_URL_FILE", "/dev/zero")], "larger than 64 KiB")]
#[case::a17_slip(&[("OAUTHGATE_REDIS_URL_FIEL", "/url")], "OAUTHGATE_REDIS_URL_FILE")]
#[case::a17_no_secret(&[("OAUTHGATE_LISTEN_FILE", "/listen")], "no setting of this name")]
fn h7_a_secret_that_cannot_be_read_is_told(
    #[case] changes: &[(&str, &str)],
    #[case] expected: &str,
) {
    let report = Setup::new(changes).report();
    assert!(report.contains(expected), "{report}");
    assert!(!report.contains("s3cret"), "{report}");
}

#[rstest]
#[case::plain("state_secret = \"s3cret\"", "`state_secret_file`, the path of a file")]
#[case::url(
    "redis_url = \"redis://:s3cret@host\"",
    "`redis_url_file`, the path of a file"
)]
#[case::list("redis_url_file = [\"a\", \"b\"]", "the path of one file")]
#[case::number("redis_url_file = 1.5", "cannot be this setting")]
#[case::missing("redis_url_file = \"nowhere\"", "oauthgate.toml:1: redis_url_file")]
fn h7_no_secret_stands_in_the_configuration_file(#[case] line: &str, #[case] expected: &str) {
    let setup = Setup::new(&[]);
    setup.write(&format!("{line}\n"));
    let report = setup.report();
    assert!(report.contains(expected), "{report}");
    assert!(!report.contains("s3cret"), "{report}");
}

#[cfg(not(feature = "redis"))]
#[rstest]
#[case("OAUTHGATE_REDIS_URL", URL)]
#[case("OAUTHGATE_STATE_SECRET", SECRET)]
#[case("OAUTHGATE_REDIS_CA_FILE", "/etc/hostname")]
#[case("OAUTHGATE_REDIS_CLUSTER", "true")]
#[case("OAUTHGATE_REDIS_SENTINELS", "redis://a")]
#[case("OAUTHGATE_REDIS_SENTINEL_MASTER", "m")]
#[case("OAUTHGATE_REDIS_TIMEOUT", "5")]
#[case("OAUTHGATE_REDIS_LIMITS", "require")]
#[case("OAUTHGATE_REDIS_LOCAL_SHARE", "50")]
fn h7_a_build_without_redis_says_so(#[case] name: &str, #[case] value: &str) {
    let report = Setup::new(&[(name, value)]).report();
    assert!(report.contains(name), "{report}");
    assert!(report.contains("made without Redis"), "{report}");
    assert!(!report.contains("s3cret"), "{report}");
}
