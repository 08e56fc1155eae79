//! Which revision a request speaks, and what that revision knows no message for.

use http::HeaderMap;

use super::{Mismatch, Objection, value::only};
use crate::{
    Message, Operation, Payload,
    jsonrpc::Flaw,
    revision::{PROTOCOL_VERSION, Revision},
};

/// How much of an unknown version is said again, in characters.
const EXCERPT: usize = 64;

/// The revision that the header names; none means 2025-03-26, which knew no such header.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Revision>, Objection> {
    let named = only(headers, &PROTOCOL_VERSION).map_err(|()| Mismatch::UnreadableVersion)?;
    let known = |named| {
        Revision::parse(named)
            .ok_or_else(|| Objection::Unsupported(named.chars().take(EXCERPT).collect()))
    };
    named.map(known).transpose()
}

/// The same, if the body agrees: each message that names a version names this one, and none is of a kind
/// that the revision abolished.
///
/// A request of the newest revision without a version in its `_meta` passes: it lies about nothing, and
/// the server has an error of its own for it (-32602, which clients are told to expect).
pub(super) fn agree(headers: &HeaderMap, payload: &Payload) -> Result<Option<Revision>, Objection> {
    let revision = match of(headers) {
        Err(Objection::Unsupported(_)) if asks_for_revisions(headers, payload) => return Ok(None),
        revision => revision?,
    };
    for message in payload.messages() {
        agree_on(revision, message)?;
    }
    let spoken = revision.unwrap_or(Revision::V2025_03_26);
    if matches!(payload, Payload::Batch(_)) && !spoken.has_batches() {
        return Err(Objection::Flaw(Flaw::Batch));
    }
    if spoken.is_modern() && payload.messages().iter().any(Message::is_response) {
        return Err(Objection::Flaw(Flaw::Response));
    }
    Ok(revision)
}

/// Which revisions a server speaks is what `server/discover` asks, and only the server knows: it answers
/// that it does not speak an unknown one, and which it does. Nothing else passes under an unknown name.
fn asks_for_revisions(headers: &HeaderMap, payload: &Payload) -> bool {
    let Payload::Single(message) = payload else {
        return false;
    };
    let named = only(headers, &PROTOCOL_VERSION).ok().flatten();
    message.method() == Some(Operation::SERVER_DISCOVER)
        && named.is_some()
        && message.protocol_version() == named
}

fn agree_on(revision: Option<Revision>, message: &Message) -> Result<(), Mismatch> {
    match (message.protocol_version(), revision) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Mismatch::MissingVersion),
        (Some(said), Some(revision)) if said == revision.as_str() => Ok(()),
        (Some(_), Some(_)) => Err(Mismatch::Version),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::Wanted;

    fn message(version: Option<&str>) -> String {
        let meta = version.map_or_else(String::new, |version| {
            format!(
                r#","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}"}}}}"#
            )
        });
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping"{meta}}}"#)
    }

    fn check(body: &str, versions: &[&str]) -> Result<Option<Revision>, Objection> {
        let mut headers = HeaderMap::new();
        for version in versions {
            headers.append(PROTOCOL_VERSION, version.parse().unwrap());
        }
        let payload = Payload::read(body.as_bytes(), &Wanted::nothing()).unwrap();
        agree(&headers, &payload)
    }

    #[test]
    fn row_36_takes_one_version_in_both_places() {
        for revision in Revision::ALL {
            let version = revision.as_str();
            assert_eq!(
                check(&message(Some(version)), &[version]),
                Ok(Some(*revision))
            );
        }
    }

    #[rstest]
    #[case::another(Some("2025-11-25"), &["2026-07-28"], Mismatch::Version)]
    #[case::older_header(Some("2026-07-28"), &["2025-11-25"], Mismatch::Version)]
    #[case::other_case(Some("2026-07-28 "), &["2026-07-28"], Mismatch::Version)]
    #[case::unknown_in_the_body(Some("2099-01-01"), &["2026-07-28"], Mismatch::Version)]
    #[case::missing(Some("2026-07-28"), &[], Mismatch::MissingVersion)]
    #[case::missing_before_an_old_one(Some("2025-06-18"), &[], Mismatch::MissingVersion)]
    #[case::twice(Some("2026-07-28"), &["2026-07-28", "2026-07-28"], Mismatch::UnreadableVersion)]
    #[case::two(None, &["2025-06-18", "2026-07-28"], Mismatch::UnreadableVersion)]
    fn row_36_refuses_versions_that_differ(
        #[case] body: Option<&str>,
        #[case] header: &[&str],
        #[case] mismatch: Mismatch,
    ) {
        assert_eq!(
            check(&message(body), header),
            Err(Objection::Mismatch(mismatch))
        );
    }

    #[rstest]
    #[case("")]
    #[case("1")]
    #[case("2024-10-07")]
    #[case("2099-01-01")]
    #[case("2026-07-28, 2025-03-26")]
    #[case("DRAFT-2026-v1")]
    fn row_37_knows_which_revisions_it_does_not_know(#[case] version: &str) {
        assert_eq!(
            check(&message(Some("2026-07-28")), &[version]),
            Err(Objection::Unsupported(version.to_owned()))
        );
    }

    #[test]
    fn row_37_lets_the_server_say_which_revisions_it_speaks() {
        let discover = message(Some("v999")).replace("ping", "server/discover");
        assert_eq!(check(&discover, &["v999"]), Ok(None));
        let refused = [
            (message(Some("v999")), "v999"),
            (discover.clone(), "v998"),
            (message(None).replace("ping", "server/discover"), "v999"),
            (format!("[{discover}]"), "v999"),
        ];
        for (body, version) in refused {
            let unsupported = Err(Objection::Unsupported(version.to_owned()));
            assert_eq!(check(&body, &[version]), unsupported, "{body}");
        }
    }

    #[test]
    fn row_37_repeats_little_of_an_unknown_revision() {
        let endless = "9".repeat(10_000);
        let Err(Objection::Unsupported(said)) = check(&message(None), &[&endless]) else {
            panic!("it is unknown")
        };
        assert_eq!(said.len(), EXCERPT);
    }

    #[rstest]
    #[case::no_header(&[], true)]
    #[case(&["2024-11-05"], true)]
    #[case(&["2025-03-26"], true)]
    #[case(&["2025-06-18"], false)]
    #[case(&["2025-11-25"], false)]
    #[case(&["2026-07-28"], false)]
    fn row_38_takes_batches_only_where_the_revision_has_them(
        #[case] version: &[&str],
        #[case] has_them: bool,
    ) {
        let checked = check(&format!("[{}]", message(None)), version);
        assert_eq!(checked.is_ok(), has_them, "{checked:?}");
        if !has_them {
            assert_eq!(checked, Err(Objection::Flaw(Flaw::Batch)));
        }
    }

    #[test]
    fn a_batch_that_claims_the_newest_revision_is_missed_its_header() {
        let batch = format!("[{}]", message(Some("2026-07-28")));
        assert_eq!(
            check(&batch, &[]),
            Err(Objection::Mismatch(Mismatch::MissingVersion))
        );
    }

    #[test]
    fn takes_no_responses_from_clients_that_are_asked_nothing() {
        let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        assert_eq!(
            check(response, &["2026-07-28"]),
            Err(Objection::Flaw(Flaw::Response))
        );
        assert_eq!(
            check(response, &["2025-11-25"]),
            Ok(Some(Revision::V2025_11_25))
        );
        assert_eq!(check(response, &[]), Ok(None));
    }
}
