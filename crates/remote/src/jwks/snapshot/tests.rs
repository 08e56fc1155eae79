use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{jwks::WithdrawnName, testing::TestKey};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const SECRET: &[u8] = b"Ee1c9Jm0wq2VtYp4rKd7uSbXzLhNfGa3";

fn issuer() -> Issuer {
    Issuer::new("https://auth.example.com/").unwrap()
}

fn seals() -> [Seal; 2] {
    [Seal::digest(), Seal::secret(SECRET).unwrap()]
}

fn document(kids: &[&str]) -> Vec<u8> {
    let keys: Vec<_> = kids.iter().map(|kid| TestKey::new(kid).jwk()).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

fn validator() -> Validator {
    Validator {
        location: "https://auth.example.com/jwks".to_owned(),
        entity_tag: "W/\"1\"".to_owned(),
    }
}

fn snapshot() -> KeySnapshot {
    let mut snapshot = KeySnapshot::new(issuer(), "metadata");
    let keys = SnapshotKeys::new(&document(&["a", "b"]), |_| false, NOW).unwrap();
    snapshot.keys = Some(
        keys.with_validator(Some(validator()))
            .with_max_age(Some(Duration::from_secs(300))),
    );
    let name = |kid| WithdrawnName::key(kid).unwrap();
    snapshot.withdrawals.withdraw(&name("c"), 1_000).unwrap();
    snapshot.withdrawals.withdraw(&name("d\"\n"), 5).unwrap();
    snapshot.withdrawals.restore(&name("c"), 2_000).unwrap();
    let gone = TestKey::new("gone");
    let set = JwkSet::parse(json!({"keys": [gone.jwk()]}).to_string().as_bytes()).unwrap();
    let kid = oauthgate_core::KeyId::new("gone").unwrap();
    let withdrawals = &mut snapshot.withdrawals;
    withdrawals.withdraw_key(&kid, set.keys(), 7).unwrap();
    snapshot
}

/// A body that we never wrote under a seal that holds.
fn sealed(body: &str, seal: &Seal) -> Vec<u8> {
    let mark = seal.mark(PURPOSE, body.as_bytes());
    format!("oauthgate-keys 1 {} {mark}\n{body}", seal.name()).into_bytes()
}

type Change = fn(&mut Value);

fn body(change: impl FnOnce(&mut Value)) -> String {
    let bytes = snapshot().to_bytes(&Seal::digest());
    let text = String::from_utf8(bytes).unwrap();
    let mut body: Value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
    change(&mut body);
    body.to_string()
}

fn read(bytes: &[u8]) -> Result<KeySnapshot, SnapshotError> {
    KeySnapshot::from_bytes(bytes, &Seal::digest())
}

#[test]
fn comes_back_as_it_was_written_and_is_written_the_same_again() {
    for seal in seals() {
        let snapshot = snapshot();
        let bytes = snapshot.to_bytes(&seal);
        let back = KeySnapshot::from_bytes(&bytes, &seal).unwrap();
        assert_eq!(back, snapshot);
        assert_eq!(back.to_bytes(&seal), bytes);
        assert!(back.clone().fit_for(&issuer(), "metadata", NOW).is_ok());
    }
}

#[test]
fn a_snapshot_without_keys_or_withdrawals_comes_back_too() {
    let snapshot = KeySnapshot::new(issuer(), "");
    assert_eq!(read(&snapshot.to_bytes(&Seal::digest())).unwrap(), snapshot);
}

#[test]
fn the_first_line_says_what_the_file_is() {
    let bytes = snapshot().to_bytes(&Seal::digest());
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("oauthgate-keys 1 sha256 "), "{text}");
}

#[test]
fn only_public_members_of_usable_keys_are_written() {
    let mut annotated = TestKey::new("a").jwk();
    annotated["x5c"] = json!(["MIIBcertificate"]);
    annotated["comment"] = json!("canary");
    let mut private = TestKey::new("private").jwk();
    private["d"] = json!("canary");
    let symmetric = json!({"kty": "oct", "k": "canary", "kid": "symmetric"});
    let document = json!({"keys": [annotated, private, symmetric], "canary": 1}).to_string();
    let keys = SnapshotKeys::new(document.as_bytes(), |_| false, NOW).unwrap();
    let mut snapshot = KeySnapshot::new(issuer(), "metadata");
    snapshot.keys = Some(keys);
    let text = String::from_utf8(snapshot.to_bytes(&Seal::digest())).unwrap();
    for absent in ["canary", "x5c", "private", "symmetric", "comment"] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
}

#[test]
fn a_withdrawn_key_is_not_written() {
    let barred = |key: &Jwk| key.id().is_some_and(|id| id.as_str() == "a");
    let keys = SnapshotKeys::new(&document(&["a", "b"]), barred, NOW).unwrap();
    let set = JwkSet::parse(keys.document()).unwrap();
    assert_eq!((set.keys().len(), set.skipped().len()), (1, 0));
    assert!(SnapshotKeys::new(&document(&["a"]), barred, NOW).is_err());
}

#[test]
fn a_document_that_is_no_key_set_makes_no_snapshot() {
    for document in [
        "",
        "{}",
        "<html>",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"YQ"}]}"#,
    ] {
        assert!(SnapshotKeys::new(document.as_bytes(), |_| false, NOW).is_err());
    }
}

#[test]
fn a_validator_that_no_header_can_carry_is_dropped() {
    let keys = SnapshotKeys::new(&document(&["a"]), |_| false, NOW).unwrap();
    for entity_tag in ["\"a\r\nHost: b\"", "\"ö\"", &"x".repeat(2_049)] {
        let validator = Validator {
            entity_tag: entity_tag.to_owned(),
            ..validator()
        };
        assert_eq!(
            keys.clone().with_validator(Some(validator)).validator(),
            None
        );
    }
    let kept = keys.with_validator(Some(validator()));
    assert_eq!(kept.validator(), Some(&validator()));
}

#[test]
fn a_validator_of_a_document_that_lost_a_key_is_dropped() {
    let barred = |key: &Jwk| key.id().is_some_and(|id| id.as_str() == "a");
    let whole = SnapshotKeys::new(&document(&["a", "b"]), |_| false, NOW).unwrap();
    let whole = whole.with_validator(Some(validator()));
    assert!(whole.validator().is_some());
    assert_eq!(whole.without(barred).unwrap().validator(), None);
    assert_eq!(whole.without(|_| false).as_ref(), Some(&whole));
    assert_eq!(whole.without(|_| true), None);
    let mut odd: Value = serde_json::from_slice(&document(&["a"])).unwrap();
    let new = json!({"kty": "not yet known", "kid": "new"});
    odd["keys"].as_array_mut().unwrap().push(new);
    let keys = SnapshotKeys::new(odd.to_string().as_bytes(), |_| false, NOW).unwrap();
    assert_eq!(keys.with_validator(Some(validator())).validator(), None);
}

#[test]
fn the_largest_snapshot_fits() {
    let mut snapshot = snapshot();
    let modulus = |number: u16| {
        let mut modulus = vec![0xb7; 256];
        modulus[1..3].copy_from_slice(&number.to_be_bytes());
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
        BASE64_URL_SAFE_NO_PAD.encode(modulus)
    };
    let keys: Vec<_> = (0..1_000)
        .map(|number| json!({"kty": "RSA", "e": "AQAB", "n": modulus(number), "kid": format!("{number:0122}")}))
        .collect();
    let document = json!({ "keys": keys }).to_string();
    assert!(
        (490 * 1024..JwkSet::MAX_LENGTH).contains(&document.len()),
        "{}",
        document.len()
    );
    let keys = SnapshotKeys::new(document.as_bytes(), |_| false, NOW).unwrap();
    snapshot.keys = Some(keys);
    for number in 0.. {
        let name = WithdrawnName::key(&format!("{number:03}{}", "\u{1}".repeat(500))).unwrap();
        if snapshot
            .withdrawals
            .withdraw(&name, Withdrawals::LATEST)
            .is_err()
        {
            break;
        }
    }
    let bytes = snapshot.to_bytes(&Seal::digest());
    assert!(
        (700 * 1024..KeySnapshot::MAX_LENGTH).contains(&bytes.len()),
        "{}",
        bytes.len()
    );
    assert_eq!(read(&bytes).unwrap(), snapshot);
}

#[test]
fn a_thousand_withdrawals_of_short_names_come_back() {
    let mut snapshot = KeySnapshot::new(issuer(), "metadata");
    for number in 0..Withdrawals::CAPACITY {
        let name = WithdrawnName::key(&number.to_string()).unwrap();
        snapshot.withdrawals.withdraw(&name, 0).unwrap();
    }
    assert_eq!(read(&snapshot.to_bytes(&Seal::digest())).unwrap(), snapshot);
}

#[test]
fn e9_a_snapshot_sealed_by_somebody_else_is_refused() {
    let [digest, secret] = seals();
    let other = Seal::secret(b"another secret of thirty-two bytes").unwrap();
    let code = |written: &Seal, expected: &Seal| {
        let bytes = snapshot().to_bytes(written);
        KeySnapshot::from_bytes(&bytes, expected)
            .unwrap_err()
            .code()
    };
    assert_eq!(code(&digest, &secret), "snapshot_seal");
    assert_eq!(code(&secret, &digest), "snapshot_seal");
    assert_eq!(code(&other, &secret), "snapshot_damaged");
}

#[test]
fn e9_a_message_sealed_for_another_purpose_is_no_snapshot() {
    let seal = Seal::secret(SECRET).unwrap();
    let body = body(|_| ());
    let mark = seal.mark("another purpose", body.as_bytes());
    let bytes = format!("oauthgate-keys 1 hmac-sha256 {mark}\n{body}");
    let error = KeySnapshot::from_bytes(bytes.as_bytes(), &seal).unwrap_err();
    assert_eq!(error.code(), "snapshot_damaged");
}

#[test]
fn e9_a_snapshot_of_another_issuer_or_place_is_not_used() {
    let snapshot = snapshot();
    let other = Issuer::new("https://evil.test/").unwrap();
    let error = snapshot
        .clone()
        .fit_for(&other, "metadata", NOW)
        .unwrap_err();
    assert_eq!(error.code(), "snapshot_foreign");
    assert!(error.salvaged().is_empty(), "rulings about another issuer");
    let error = snapshot
        .clone()
        .fit_for(&issuer(), "https://auth.example.com/jwks", NOW)
        .unwrap_err();
    assert_eq!(error.code(), "snapshot_foreign");
    assert_eq!(error.salvaged(), &snapshot.withdrawals);
}

#[test]
fn keys_from_the_future_are_refused_and_withdrawals_hold() {
    let snapshot = snapshot();
    let at = |seconds| UnixTime::from_secs(NOW.as_secs() - seconds);
    assert!(
        snapshot
            .clone()
            .fit_for(&issuer(), "metadata", at(60))
            .is_ok()
    );
    let error = snapshot
        .clone()
        .fit_for(&issuer(), "metadata", at(61))
        .unwrap_err();
    assert_eq!(error.code(), "snapshot_from_the_future");
    assert!(error.to_string().contains("61 s in the future"));
    assert_eq!(error.salvaged(), &snapshot.withdrawals);
}

#[test]
fn every_odd_body_is_refused_although_its_seal_holds() {
    let changes: [(&str, Change); 22] = [
        ("unknown member", |body| body["more"] = json!(1)),
        ("no issuer", |body| {
            drop(body.as_object_mut().unwrap().remove("issuer"));
        }),
        ("empty issuer", |body| body["issuer"] = json!("")),
        ("issuer of a wrong type", |body| body["issuer"] = json!(1)),
        ("place of a wrong type", |body| body["place"] = json!(null)),
        ("keys of a wrong type", |body| body["keys"] = json!([])),
        ("no document", |body| body["keys"]["document"] = json!(null)),
        ("an empty set", |body| {
            body["keys"]["document"]["keys"] = json!([]);
        }),
        ("a symmetric key", |body| {
            body["keys"]["document"]["keys"] = json!([{"kty": "oct", "k": "YQ"}]);
        }),
        ("time as text", |body| {
            body["keys"]["confirmed_at"] = json!("1790000000");
        }),
        ("time with a fraction", |body| {
            body["keys"]["confirmed_at"] = json!(1.5);
        }),
        ("a time that does not fit", |body| {
            body["keys"]["confirmed_at"] = json!(u64::MAX);
        }),
        ("a negative age", |body| body["keys"]["max_age"] = json!(-1)),
        ("half a validator", |body| {
            body["keys"]["validator"] = json!({"location": "x"});
        }),
        ("unknown name", |body| {
            body["withdrawals"]["withdrawn"]["kid:a"] = json!(1);
        }),
        ("long name", |body| {
            body["withdrawals"]["withdrawn"][format!("key:{}", "x".repeat(513))] = json!(1);
        }),
        ("a name ruled twice", |body| {
            body["withdrawals"]["withdrawn"]["key:c"] = json!(1);
        }),
        ("a late ruling", |body| {
            body["withdrawals"]["withdrawn"]["key:z"] = json!(1_u64 << 53);
        }),
        ("a companion of nobody", |body| {
            body["withdrawals"]["along_with"]["key:z"] = json!("a");
        }),
        ("a companion of a restored name", |body| {
            body["withdrawals"]["along_with"]["key:c"] = json!("a");
        }),
        ("a long companion", |body| {
            body["withdrawals"]["along_with"]["key:d\"\n"] = json!("x".repeat(513));
        }),
        ("too many names", |body| {
            for number in 0..1_000 {
                body["withdrawals"]["restored"][format!("key:n{number}")] = json!(1);
            }
        }),
    ];
    let seal = Seal::secret(SECRET).unwrap();
    assert!(KeySnapshot::from_bytes(&sealed(&body(|_| ()), &seal), &seal).is_ok());
    for (what, change) in changes {
        let bytes = sealed(&body(change), &seal);
        let error = KeySnapshot::from_bytes(&bytes, &seal)
            .map(drop)
            .unwrap_err();
        assert_eq!(error.code(), "snapshot_damaged", "{what}: {error}");
    }
}

#[test]
fn a_body_with_a_member_twice_or_something_behind_it_is_refused() {
    let seal = Seal::digest();
    let good = body(|_| ());
    for bad in [
        good.replacen('{', r#"{"place":"metadata","#, 1),
        good.replacen(r#""document":{"#, r#""document":{"keys":[],"#, 1),
        good.replacen(r#""withdrawn":{"#, r#""withdrawn":{"key:gone":1,"#, 1),
        format!("{good} {{}}"),
        format!("[{good}]"),
        "[".repeat(100_000),
        String::new(),
    ] {
        assert_ne!(bad, good);
        let error = KeySnapshot::from_bytes(&sealed(&bad, &seal), &seal)
            .map(drop)
            .unwrap_err();
        assert_eq!(error.code(), "snapshot_damaged", "{bad:.200}");
    }
}

#[test]
fn other_files_and_other_versions_are_told_apart() {
    let code = |text: &str| read(text.as_bytes()).unwrap_err().code();
    for text in [
        "",
        "\n",
        "garbage",
        "oauthgate-keys 1 sha256\n{}",
        "oauthgate-keys  1 sha256 00\n{}",
        "{\"keys\":[]}\n",
    ] {
        assert_eq!(code(text), "snapshot_unknown", "{text:?}");
    }
    assert_eq!(code("oauthgate-keys 2 sha256 00\n{}"), "snapshot_version");
    assert_eq!(code("oauthgate-keys 1 sha512 00\n{}"), "snapshot_seal");
    assert_eq!(code("oauthgate-keys 1 sha256 00\n{}"), "snapshot_damaged");
    let too_long = vec![b' '; KeySnapshot::MAX_LENGTH + 1];
    assert_eq!(read(&too_long).unwrap_err().code(), "snapshot_too_large");
}

#[test]
fn h2_errors_quote_nothing_of_the_snapshot() {
    let body = r#"{"issuer":"https://a.test/","place":"canary","canary":1}"#;
    let error = read(&sealed(body, &Seal::digest())).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
}

proptest! {
    #[test]
    fn a_single_changed_byte_is_refused(at in any::<proptest::sample::Index>(), with in 1..=255_u8) {
        for seal in seals() {
            let mut bytes = snapshot().to_bytes(&seal);
            let at = at.index(bytes.len());
            bytes[at] ^= with;
            prop_assert!(KeySnapshot::from_bytes(&bytes, &seal).is_err());
        }
    }

    #[test]
    fn a_cut_or_lengthened_snapshot_is_refused(at in any::<proptest::sample::Index>(), more in proptest::collection::vec(any::<u8>(), 1..8)) {
        for seal in seals() {
            let bytes = snapshot().to_bytes(&seal);
            prop_assert!(KeySnapshot::from_bytes(&bytes[..at.index(bytes.len())], &seal).is_err());
            let longer = [bytes.as_slice(), &more].concat();
            prop_assert!(KeySnapshot::from_bytes(&longer, &seal).is_err());
        }
    }

    #[test]
    fn whatever_name_can_be_withdrawn_can_be_read_again(
        name in proptest::collection::vec(
            prop_oneof![proptest::sample::select(vec!['\0', '"', '\\', '\n', 'a']), any::<char>()],
            0..8,
        ),
    ) {
        let name: String = name.into_iter().collect();
        let mut snapshot = snapshot();
        if let Some(name) = WithdrawnName::key(&name) {
            snapshot.withdrawals.withdraw(&name, 1).unwrap();
        }
        for seal in seals() {
            prop_assert_eq!(KeySnapshot::from_bytes(&snapshot.to_bytes(&seal), &seal).unwrap(), snapshot.clone());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn no_sealed_bytes_make_it_panic(change in any::<proptest::sample::Index>(), with in any::<u8>()) {
        let seal = Seal::digest();
        let mut body = body(|_| ()).into_bytes();
        let change = change.index(body.len());
        body[change] = with;
        let mark = seal.mark(PURPOSE, &body);
        let bytes = [format!("oauthgate-keys 1 sha256 {mark}\n").as_bytes(), &body].concat();
        if let Ok(back) = KeySnapshot::from_bytes(&bytes, &seal) {
            prop_assert_eq!(&read(&back.to_bytes(&seal)).unwrap(), &back);
        }
    }
}

#[test]
fn each_changed_bit_of_the_first_line_is_refused() {
    for seal in seals() {
        let good = snapshot().to_bytes(&seal);
        let end = good.iter().position(|byte| *byte == b'\n').unwrap();
        for bit in 0..=end * 8 + 7 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(KeySnapshot::from_bytes(&bytes, &seal).is_err(), "bit {bit}");
        }
    }
}
