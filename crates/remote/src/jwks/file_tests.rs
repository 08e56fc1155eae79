//! Trap 26: key sets that nobody can fetch.

use std::{fs, sync::Arc};

use oauthgate_core::{Audience, Issuer, Reason, ResourceIdentifier};
use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    IssuerSettings, KeyStores, OAuth21Provider, ProviderSettings,
    testing::{AUDIENCE, FakeClock, FakeIssuer, TestKey, claims, jwks},
};

/// A folder with a key set in it, and a gate that reads it.
struct Desk {
    _folder: TempDir,
    path: PathBuf,
    clock: Arc<FakeClock>,
    gate: OAuth21Provider,
}

fn settings(issuer: &str, path: &Path) -> ProviderSettings {
    let audience = Audience::new(AUDIENCE).unwrap();
    let mut settings = IssuerSettings::new(Issuer::new(issuer).unwrap(), vec![audience]);
    settings.keys.jwks_file = Some(path.to_owned());
    ProviderSettings::new(ResourceIdentifier::parse(AUDIENCE).unwrap(), settings)
}

impl Desk {
    fn with(issuer: &str, keys: &[&TestKey]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        fs::write(&path, jwks(keys)).unwrap();
        let clock = Arc::new(FakeClock::default());
        let stores = KeyStores::builder().clock(clock.clone()).build();
        let gate = OAuth21Provider::with_key_stores(settings(issuer, &path), &stores).unwrap();
        Self {
            _folder: folder,
            path,
            clock,
            gate,
        }
    }

    async fn refusal(&self, token: &str) -> Option<Reason> {
        self.gate
            .validate(token)
            .await
            .err()
            .map(|denial| denial.reason())
    }

    async fn refresh(&self) -> crate::KeyStatus {
        self.gate.key_stores().refresh(None).await.remove(0)
    }
}

#[tokio::test]
async fn trap_26_keys_come_from_the_file_and_no_metadata_is_asked() {
    let key = TestKey::new("1");
    let issuer = FakeIssuer::serving(&[]).await;
    let desk = Desk::with(issuer.name(), &[&key]);
    assert_eq!(desk.refusal(&key.token(issuer.name())).await, None);
    assert!(issuer.seen().is_empty());
    assert_eq!(
        desk.gate.key_status()[0].place,
        format!("file {}", desk.path.display())
    );
}

#[tokio::test]
async fn trap_26_an_issuer_that_is_no_url_works_with_a_file() {
    let key = TestKey::new("1");
    let desk = Desk::with("acme.com", &[&key]);
    assert_eq!(desk.refusal(&key.token("acme.com")).await, None);
}

#[tokio::test]
async fn a_refresh_reads_the_file_again_and_drops_what_is_no_longer_in_it() {
    let (old, new) = (TestKey::new("1"), TestKey::new("2"));
    let desk = Desk::with("acme.com", &[&old]);
    assert_eq!(desk.refusal(&old.token("acme.com")).await, None);
    fs::write(&desk.path, jwks(&[&new])).unwrap();
    desk.refresh().await;
    assert_eq!(desk.refusal(&new.token("acme.com")).await, None);
    assert_eq!(
        desk.refusal(&old.token("acme.com")).await,
        Some(Reason::UnknownKeyId)
    );
}

#[tokio::test]
async fn a_replaced_file_is_noticed_within_its_short_life() {
    let (old, new) = (TestKey::without_key_id(), TestKey::without_key_id());
    let desk = Desk::with("acme.com", &[&old]);
    assert_eq!(desk.refusal(&old.token("acme.com")).await, None);
    fs::write(&desk.path, jwks(&[&new])).unwrap();
    desk.clock.advance(LIFE);
    desk.gate.key_stores().upkeep().await;
    assert_eq!(
        desk.refusal(&old.token("acme.com")).await,
        Some(Reason::BadSignature)
    );
    assert_eq!(desk.refusal(&new.token("acme.com")).await, None);
}

#[rstest]
#[case::gone(None, "cannot be read")]
#[case::half(Some(r#"{"keys":["#), "not a JSON object")]
#[case::empty(Some(r#"{"keys":[]}"#), "is empty")]
#[case::no_set(Some("{}"), "no `keys` array")]
#[case::private(
    Some(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#),
    "private member `k`"
)]
#[tokio::test]
async fn d4_a_file_that_breaks_later_keeps_the_last_good_set(
    #[case] text: Option<&str>,
    #[case] why: &str,
) {
    let key = TestKey::new("1");
    let desk = Desk::with("acme.com", &[&key]);
    assert_eq!(desk.refusal(&key.token("acme.com")).await, None);
    match text {
        Some(text) => fs::write(&desk.path, text).unwrap(),
        None => fs::remove_file(&desk.path).unwrap(),
    }
    let status = desk.refresh().await;
    assert_eq!((status.keys, status.servable), (1, true));
    let detail = status.failure_detail.unwrap();
    assert!(
        detail.contains(why) && !detail.contains("c2VjcmV0"),
        "{detail}"
    );
    assert_eq!(desk.refusal(&key.token("acme.com")).await, None);
    // Like an outage, it does not last for ever.
    desk.clock.advance(Duration::from_secs(25 * 3_600));
    let late = key.sign(&claims("acme.com"));
    assert!(desk.refusal(&late).await.is_some());
    fs::write(&desk.path, jwks(&[&key])).unwrap();
    desk.refresh().await;
    assert_eq!(desk.refusal(&late).await, None);
}

/// What is wrong with a file of this text.
fn mistake(text: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    fs::write(&path, text).unwrap();
    let error = check(&path).unwrap_err();
    assert!(error.expected.contains("JWK set"));
    error.problem
}

#[test]
fn trap_26_what_is_wrong_with_the_file_is_said_at_start() {
    for (text, why) in [
        (&b""[..], "not a JSON object"),
        (b"-----BEGIN PUBLIC KEY-----", "not a JSON object"),
        (b"{}", "no `keys` array"),
        (br#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "no `keys` array"),
        (br#"{"keys":[]}"#, "is empty"),
        (br#"{"keys":[{"kty":"RSA"}]}"#, "no usable signing key"),
        (&vec![b' '; JwkSet::MAX_LENGTH + 1], "larger than 512 KiB"),
    ] {
        let problem = mistake(text);
        assert!(problem.contains(why), "{problem}");
    }
}

#[test]
fn a15_a_private_key_in_the_file_is_refused_by_the_members_name() {
    let mut private = TestKey::new("1").jwk();
    private["d"] = json!("c2VjcmV0");
    let public = TestKey::new("2").jwk();
    let problem = mistake(json!({ "keys": [public, private] }).to_string().as_bytes());
    assert!(
        problem.contains("key 1 of the set carries the private member `d`"),
        "{problem}"
    );
    assert!(!problem.contains("c2VjcmV0"));
}

#[test]
fn only_a_regular_file_at_an_absolute_path_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let problem = |path: &Path| check(path).unwrap_err().problem;
    assert!(problem(Path::new("keys.json")).contains("no absolute path"));
    assert!(problem(folder.path()).contains("no regular file"));
    assert!(problem(&folder.path().join("missing")).contains("cannot be read"));
}

#[cfg(unix)]
#[test]
fn a_file_that_everybody_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    fs::write(&path, jwks(&[&TestKey::new("1")])).unwrap();
    for (mode, is_taken) in [(0o644, true), (0o664, true), (0o666, false), (0o602, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(check(&path).is_ok(), is_taken, "{mode:o}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_without_waiting_for_a_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
    assert!(
        check(&path)
            .unwrap_err()
            .problem
            .contains("no regular file")
    );
}

#[test]
fn a_file_beside_a_url_is_a_contradiction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    fs::write(&path, jwks(&[&TestKey::new("1")])).unwrap();
    assert!(
        settings("https://auth.example.com", &path)
            .mistakes()
            .is_empty()
    );
    let url = url::Url::parse("https://auth.example.com/keys").unwrap();
    for both in [
        |keys: &mut crate::KeySettings, url| keys.jwks_url = Some(url),
        |keys: &mut crate::KeySettings, url| keys.metadata_url = Some(url),
    ] {
        let mut settings = settings("https://auth.example.com", &path);
        both(&mut settings.issuers[0].keys, url.clone());
        let mistakes = settings.mistakes();
        assert_eq!(
            (mistakes.len(), mistakes[0].setting.as_str()),
            (1, "jwks_file")
        );
        assert!(mistakes[0].problem.contains("from a file and from a URL"));
    }
}
