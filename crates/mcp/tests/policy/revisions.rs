//! No protocol revision, known or not, gets around the policy (catalogue row C19).

use http::StatusCode;
use oauthgate_mcp::Revision;

use crate::support::*;

const UNKNOWN: [&str; 8] = [
    "",
    "1",
    "2024-10-07",
    "2025-03-27",
    "2099-01-01",
    "DRAFT-2026-v1",
    "2026-07-28, 2025-03-26",
    "2026-07-28 ",
];

#[tokio::test]
async fn c19_refuses_each_tool_under_every_revision() {
    let server = Server::with(policy());
    let versions = Revision::ALL
        .iter()
        .map(|revision| revision.as_str())
        .chain(UNKNOWN);
    for version in versions.map(Some).chain([None]) {
        for tool in ["read", "write", "unlisted"] {
            for mirrored in [false, true] {
                let mut request = post(call(tool), "none");
                if let Some(version) = version {
                    request
                        .headers_mut()
                        .insert("mcp-protocol-version", version.parse().unwrap());
                }
                if mirrored {
                    request
                        .headers_mut()
                        .insert("mcp-method", "tools/call".parse().unwrap());
                    request
                        .headers_mut()
                        .insert("mcp-name", tool.parse().unwrap());
                }
                let answered = server.ask(request).await;
                assert_eq!(
                    answered.status(),
                    StatusCode::FORBIDDEN,
                    "{version:?} {tool} {mirrored}"
                );
            }
        }
    }
    assert!(server.received().is_empty());
}
