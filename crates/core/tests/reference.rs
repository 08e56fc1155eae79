//! `docs/reference/reasons.md` is generated from the reasons and from the function that answers them.

use std::{fmt::Write, fs, path::Path};

use oauthgate_core::{Answer, Denial, Issuer, ProtectedResource, Reason, ResourceIdentifier};

const HEAD: &str = "\
<!-- Generated: `UPDATE_REFERENCE=1 cargo test -p oauthgate-core --test reference`; a test fails when it is stale. -->

# Why a request was refused

Each refusal has one stable code. Log lines carry it as `reason` beside the reference that the client got, and
`oauthgate_requests_total` counts by it. The client learns only the status, the RFC's error code and the reference.

| Code | Status | `error` in the challenge | What it means |
|---|---|---|---|
";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how a person asks for a new page"
)]
fn the_page_of_reasons_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/reasons.md");
    let page = page();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, &page).expect("the page can be written");
    }
    let written = fs::read_to_string(&path).expect("the page is there");
    assert!(
        written == page,
        "stale: UPDATE_REFERENCE=1 cargo test -p oauthgate-core --test reference"
    );
}

#[test]
fn every_reason_has_a_code_of_its_own() {
    let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    codes.sort_unstable();
    let all = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), all);
}

fn page() -> String {
    let resource = resource();
    let mut page = String::from(HEAD);
    for reason in Reason::ALL {
        let answer = Answer::to(&Denial::new(*reason), &resource);
        let challenge = answer.challenge().map(ToString::to_string);
        let error = match &challenge {
            None => "no challenge",
            Some(challenge) if !challenge.contains("error=") => "none",
            Some(_) => answer.error(),
        };
        writeln!(
            page,
            "| `{}` | {} | {error} | {} |",
            reason.code(),
            answer.status().as_u16(),
            reason.explanation().trim()
        )
        .expect("a String takes every text");
    }
    page
}

fn resource() -> ProtectedResource {
    let identifier = ResourceIdentifier::parse("https://mcp.example.com/mcp").expect("a resource");
    let issuer = Issuer::new("https://auth.example.com").expect("an issuer");
    ProtectedResource::new(identifier, vec![issuer])
}
