//! The frozen challenges of `testdata/challenges`, read by the parsers of five real clients: all read what was
//! written. The core's tests hold the gate to the same bytes.

use std::{collections::BTreeMap, fs};

use oauthgate_e2e::{read_by_npm, read_by_python, workspace_root};
use rmcp::transport::auth::WWWAuthenticateParams;
use serde::{Deserialize, Serialize};
use url::Url;

/// A challenge, and what it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Challenge {
    resource: String,
    status: u16,
    header: String,
    #[serde(flatten)]
    content: Content,
}

/// What a client may read in a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    resource_metadata: Option<String>,
    scope: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

fn frozen() -> Vec<Challenge> {
    let path = workspace_root().join("testdata/challenges/challenges.json");
    let text = fs::read(path).expect("the frozen challenges");
    serde_json::from_slice(&text).expect("a list of challenges")
}

#[tokio::test]
async fn row_30_five_real_parsers_read_what_was_written() {
    let challenges = frozen();
    let mut readings: BTreeMap<String, Vec<Content>> = read_by_npm(&challenges).await;
    readings.extend(read_by_python(&challenges).await);
    let by_rmcp = challenges.iter().map(read_by_rmcp).collect();
    readings.insert("crate rmcp".to_owned(), by_rmcp);
    assert_eq!(readings.len(), 5, "{:?}", readings.keys());
    for (parser, read) in readings {
        assert_eq!(read.len(), challenges.len(), "{parser}");
        for (challenge, read) in challenges.iter().zip(read) {
            let written = told_by(&parser, challenge.content.clone());
            assert_eq!(read, written, "{parser}: {}", challenge.header);
        }
    }
}

/// Two of the five have no use for the description.
fn told_by(parser: &str, written: Content) -> Content {
    let has_no_use = ["npm @modelcontextprotocol/sdk", "npm mcp-remote"].contains(&parser);
    let error_description = written.error_description.filter(|_| !has_no_use);
    Content {
        error_description,
        ..written
    }
}

fn read_by_rmcp(challenge: &Challenge) -> Content {
    let resource = Url::parse(&challenge.resource).expect("a resource");
    let read = WWWAuthenticateParams::parse(&challenge.header, &resource);
    Content {
        resource_metadata: read.resource_metadata_url.map(Into::into),
        scope: read.scope,
        error: read.error,
        error_description: read.error_description,
    }
}
