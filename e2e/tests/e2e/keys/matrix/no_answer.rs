//! What an introspection endpoint says that is no answer, beyond the columns of the matrix: nobody gets in by
//! it, and nobody is told that a token is bad.

use oauthgate_e2e::{Behaviour, Gate, GateBuilder, Issuer, Outlet, Recorder, Signer};

use super::{super::assert_unavailable, self_signed::SelfSigned};

const REFUSED: &str = "introspection_refused";
const UNAVAILABLE: &str = "introspection_unavailable";
/// More than any answer about one token.
const FAR_TOO_LONG: usize = 4 * 1024 * 1024;

struct Scene {
    gate: Gate,
    issuer: Issuer,
    upstream: Recorder,
}

impl Scene {
    async fn asking_at(url: &str, signer: &Signer) -> Self {
        let issuer = Issuer::with(signer.clone()).await;
        let upstream = Recorder::start().await;
        let gate = GateBuilder::trusting(&upstream.url(), issuer.name())
            .set("OAUTHGATE_TOKEN_MODE", "auto")
            .set("OAUTHGATE_INTROSPECTION_URL", url)
            .set("OAUTHGATE_INTROSPECTION_CLIENT_ID", "gate")
            .set("OAUTHGATE_INTROSPECTION_CLIENT_SECRET", "of these tests");
        Self {
            gate: gate.start().await,
            issuer,
            upstream,
        }
    }

    /// What clients are told to wait, in seconds.
    async fn assert_unknown(&self, expected: &str, what: &str) -> String {
        let token = format!("never-seen-before-{}", what.replace(' ', "-"));
        let answer = self.gate.call(&token).await;
        assert_unavailable(&answer, what);
        let (status, reason) = self.gate.verdict(&token).await;
        assert_eq!((status, reason.as_str()), (503, expected), "{what}");
        assert!(self.upstream.take().is_empty(), "{what}: passed");
        let jwt = self.issuer.token(&self.gate.resource);
        assert_eq!(self.gate.status(&jwt).await, 200, "{what}");
        drop(self.upstream.take());
        answer.header("retry-after").unwrap_or_default().to_owned()
    }
}

/// An answer to every question, with the length that it says.
fn bytes(head: &str, body: &str) -> Behaviour {
    let answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{body}");
    Behaviour::Bytes(answer.leak().as_bytes())
}

fn with_length(head: &str, body: &str) -> Behaviour {
    bytes(&format!("{head}\r\ncontent-length: {}", body.len()), body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r6_d5_no_opaque_token_passes_by_what_is_no_answer() {
    let endpoint = Outlet::start(Vec::new()).await;
    let elsewhere = Outlet::start(Vec::new()).await;
    let signer = Signer::start().await;
    let url = format!("http://127.0.0.1:{}/introspect", endpoint.port());
    let scene = Scene::asking_at(&url, &signer).await;
    // With every other answer this one would let anybody in.
    let good = format!(
        r#"{{"active":true,"sub":"ana","client_id":"demo","aud":"{}"}}"#,
        scene.gate.resource
    );
    elsewhere.publish(good.as_str());
    let to = elsewhere.url();
    let json = "200 OK\r\ncontent-type: application/json";
    let long = good.clone() + &" ".repeat(FAR_TOO_LONG);
    let twice = good.replacen('{', r#"{"active":false,"#, 1);
    for (what, behaviour, reason) in [
        (
            "a redirect",
            with_length(&format!("307 Elsewhere\r\nlocation: {to}"), ""),
            REFUSED,
        ),
        ("far too long", with_length(json, &long), REFUSED),
        ("active twice", with_length(json, &twice), REFUSED),
        (
            "another media type",
            with_length("200 OK\r\ncontent-type: text/plain", &good),
            REFUSED,
        ),
        (
            "compressed",
            with_length(&format!("{json}\r\ncontent-encoding: gzip"), &good),
            REFUSED,
        ),
        (
            "nothing",
            bytes("204 No Content\r\ncontent-type: application/json", ""),
            REFUSED,
        ),
        (
            "not our client",
            with_length("401 Unauthorized\r\ncontent-type: application/json", &good),
            REFUSED,
        ),
        (
            "cut short",
            bytes(&format!("{json}\r\ncontent-length: 1000"), &good),
            UNAVAILABLE,
        ),
        ("a reset", Behaviour::Reset, UNAVAILABLE),
    ] {
        endpoint.behave(behaviour).await;
        scene.assert_unknown(reason, what).await;
    }
    let busy = with_length("429 Busy\r\nretry-after: 17", &good);
    endpoint.behave(busy).await;
    let wait = scene
        .assert_unknown(UNAVAILABLE, "too many questions")
        .await;
    assert_eq!(wait, "17");
    assert_eq!(elsewhere.requests(), 0, "a token was sent elsewhere");
    // The same words in the right form: it was the form that kept everybody out.
    endpoint.behave(with_length(json, &good)).await;
    assert_eq!(scene.gate.status("never-seen-before").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r6_d5_no_token_is_shown_to_a_server_that_nobody_vouches_for() {
    let signer = Signer::start().await;
    let server = SelfSigned::start(None, &signer).await;
    let scene = Scene::asking_at(&server.url(), &signer).await;
    scene.assert_unknown(UNAVAILABLE, "self-signed").await;
}
