//! Over real HTTP on loopback: from a token to a caller.

use std::{sync::Arc, time::Duration};

use oauthgate_core::{Audience, Issuer, Reason, ResourceIdentifier};

use super::Authenticator;
use crate::{
    IssuerSettings, OAuth21Provider, ProviderSettings,
    testing::{FakeClock, FakeIssuer, TestKey},
};

const RESOURCE: &str = "https://mcp.example.com/mcp";

fn settings(issuers: &[&str]) -> ProviderSettings {
    let issuer = |name: &&str| {
        IssuerSettings::new(
            Issuer::new(*name).unwrap(),
            vec![Audience::new(RESOURCE).unwrap()],
        )
    };
    let mut settings = ProviderSettings::new(
        ResourceIdentifier::parse(RESOURCE).unwrap(),
        issuer(&issuers[0]),
    );
    settings.issuers.extend(issuers[1..].iter().map(issuer));
    settings
}

fn gate(issuers: &[&str]) -> (Authenticator, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::default());
    (
        Authenticator::new(&settings(issuers), clock.clone()).unwrap(),
        clock,
    )
}

#[tokio::test]
async fn a_good_token_names_its_caller() {
    let key = TestKey::new("1");
    let issuer = FakeIssuer::serving(&[&key]).await;
    let (gate, _) = gate(&[issuer.name()]);
    let caller = gate.validate(&key.token(issuer.name())).await.unwrap();
    assert_eq!(caller.user_id(), "ada");
    assert_eq!(caller.issuer().as_str(), issuer.name());
}
