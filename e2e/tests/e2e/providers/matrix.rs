//! Every provider × every kind of token: from its emulation, through the real gate, to what the upstream learns.

#[path = "matrix/table.rs"]
mod table;

use oauthgate_dev_issuer::{Changes, DevIssuer, DevIssuerOptions, Emulation, Kind, Resource};
use oauthgate_e2e::{Gate, GateBuilder, Recorded, Recorder};
use rstest::rstest;
use table::{Row, SAME, TABLE};

/// A tenant that no emulation has; a GUID, because Microsoft's are.
const OTHER_TENANT: &str = "11111111-2222-4333-8444-555555555555";

/// The headers that tell the upstream who is calling, in the order of the table; the issuer is compared apart.
const IDENTITY: &[(&str, &str)] = &[
    ("x-auth-kind", ""),
    ("x-auth-request-user", ""),
    ("x-auth-client", "client "),
    ("x-auth-tenant", "tenant "),
    ("x-auth-scopes", "scopes "),
    ("x-auth-request-groups", "groups "),
    ("x-auth-request-email", "email "),
    ("x-auth-tier", "tier "),
];

/// One emulated provider, a gate with the variables that the emulation prints, and an upstream that remembers.
struct Stage {
    issuer: DevIssuer,
    gate: Gate,
    upstream: Recorder,
}

impl Stage {
    async fn of(name: &str, more: &[(&str, &str)]) -> Self {
        let emulation = Emulation::named(name).expect("an emulation of this name");
        let upstream = Recorder::start().await;
        let builder = GateBuilder::trusting(&upstream.url(), "");
        let options = DevIssuerOptions {
            emulation: Some(emulation),
            resources: vec![Resource::new(builder.resource())],
            ..DevIssuerOptions::default()
        };
        let issuer = DevIssuer::start(options)
            .await
            .expect("the emulation starts");
        let printed = issuer.gate_settings();
        let builder = printed
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain(more.iter().copied())
            .fold(builder, |builder, (name, value)| builder.set(name, value));
        let gate = builder.start().await;
        Self {
            issuer,
            gate,
            upstream,
        }
    }

    /// The reason of a refusal with its status, or the whole of what the upstream learns.
    async fn verdict(&self, kind: Kind, changes: Changes) -> String {
        let token = self.issuer.emulated_token(kind, changes);
        let (status, reason) = self.gate.verdict(&token).await;
        let seen = self.upstream.take();
        match (status, seen.as_slice()) {
            (200, [request]) => caller(request),
            (status, []) => format!("{status} {reason}"),
            (status, _) => panic!("{status} {reason}, and the upstream saw {seen:?}"),
        }
    }
}

fn caller(request: &Recorded) -> String {
    let told = IDENTITY.iter().filter_map(|(header, label)| {
        let values = request.values(header);
        assert!(values.len() <= 1, "{header}: {values:?}");
        values
            .first()
            .filter(|value| !value.is_empty())
            .map(|value| format!("{label}{value}"))
    });
    told.collect::<Vec<_>>().join(" · ")
}

fn for_audience(audience: &str) -> Changes {
    Changes {
        audience: Some(audience.to_owned()),
        ..Changes::default()
    }
}

fn by_client(client: &str) -> Changes {
    Changes {
        client_id: Some(client.to_owned()),
        ..Changes::default()
    }
}

fn of_tenant(tenant: &str) -> Changes {
    Changes {
        tenant: Some(tenant.to_owned()),
        ..Changes::default()
    }
}

fn expired() -> Changes {
    Changes {
        expires_in: Some(-3_600),
        ..Changes::default()
    }
}

fn row(name: &str) -> &'static Row {
    TABLE
        .iter()
        .find(|row| row.emulation == name)
        .unwrap_or_else(|| panic!("{name} has no row"))
}

#[test]
fn every_emulation_has_its_row() {
    let rows: Vec<_> = TABLE.iter().map(|row| row.emulation).collect();
    let emulations: Vec<_> = Emulation::all().iter().map(|it| it.name()).collect();
    assert_eq!(rows, emulations);
}

async fn has_the_verdicts_of_its_row(names: &[&str]) {
    for name in names {
        let row = row(name);
        let stage = Stage::of(name, &[]).await;
        let orders = [
            ("user", Kind::User, Changes::default(), row.user),
            ("machine", Kind::Machine, Changes::default(), row.machine),
            ("id", Kind::Id, Changes::default(), row.id),
            ("refresh", Kind::Refresh, Changes::default(), row.refresh),
            ("opaque", Kind::Opaque, Changes::default(), row.opaque),
            (
                "other audience",
                Kind::User,
                for_audience("https://other.example/api"),
                row.other_audience,
            ),
            ("expired", Kind::User, expired(), row.expired),
        ];
        for (what, kind, changes, expected) in orders {
            let expected = if expected == SAME { row.user } else { expected };
            assert_eq!(
                stage.verdict(kind, changes).await,
                expected,
                "{name}: {what}"
            );
        }
        let other_client = stage.verdict(Kind::User, by_client("other-client")).await;
        match row.other_client {
            SAME => assert_eq!(other_client, with_client(row.user), "{name}: other client"),
            refused => assert_eq!(other_client, refused, "{name}: other client"),
        }
        stays_with_its_issuer(&stage, name).await;
        keeps_other_tenants_out(&stage, row).await;
    }
}

/// The same caller, through another client.
fn with_client(user: &str) -> String {
    let parts = user
        .split(" · ")
        .map(|part| match part.split_once("client ") {
            Some(("", _)) => "client other-client",
            _ => part,
        });
    parts.collect::<Vec<_>>().join(" · ")
}

/// Another issuer's token is refused, whatever else it says, and the upstream learns the issuer byte for byte.
async fn stays_with_its_issuer(stage: &Stage, name: &str) {
    let token = stage.issuer.emulated_token(Kind::User, Changes::default());
    assert_eq!(stage.gate.status(&token).await, 200, "{name}");
    let seen = stage.upstream.take();
    assert_eq!(
        seen[0].values("x-auth-issuer"),
        [stage.issuer.issuer()],
        "{name}"
    );
    if token.starts_with("eyJ") {
        let changes = Changes {
            issuer: Some(format!("{}x", stage.issuer.issuer())),
            ..Changes::default()
        };
        let verdict = stage.verdict(Kind::User, changes).await;
        assert_eq!(verdict, "401 unknown_issuer", "{name}");
    }
}

/// A tenant in the issuer is another issuer; one in a claim is kept out by the list of allowed tenants.
async fn keeps_other_tenants_out(stage: &Stage, row: &Row) {
    let other = stage.verdict(Kind::User, of_tenant(OTHER_TENANT)).await;
    if row.tenant.is_empty() {
        let expected = if row.other_tenant == SAME {
            row.user
        } else {
            row.other_tenant
        };
        assert_eq!(other, expected, "{}: other tenant", row.emulation);
        return;
    }
    assert!(other.contains(OTHER_TENANT), "{}: {other}", row.emulation);
    let strict = Stage::of(row.emulation, &[("OAUTHGATE_ALLOWED_TENANTS", row.tenant)]).await;
    let usual = strict.verdict(Kind::User, Changes::default()).await;
    assert_eq!(usual, row.user, "{}", row.emulation);
    let other = strict.verdict(Kind::User, of_tenant(OTHER_TENANT)).await;
    assert_eq!(other, row.other_tenant, "{}: other tenant", row.emulation);
}

/// In six parts, which run beside each other.
#[rstest]
#[case(0)]
#[case(1)]
#[case(2)]
#[case(3)]
#[case(4)]
#[case(5)]
#[tokio::test]
async fn every_kind_of_token_has_its_verdict(#[case] part: usize) {
    let names: Vec<_> = TABLE.iter().map(|row| row.emulation).collect();
    let size = names.len().div_ceil(6);
    let part = names.chunks(size).nth(part).expect("six parts");
    has_the_verdicts_of_its_row(part).await;
}

/// Where a provider issues opaque tokens beside JWTs, both name the same caller.
#[rstest]
#[case::oidc_provider("oidc-provider")]
#[case::zitadel("zitadel")]
#[case::duende("duende")]
#[case::spring("spring")]
#[case::keycloak("keycloak")]
#[tokio::test]
async fn opaque_tokens_are_introspected_where_the_mode_says_so(#[case] name: &str) {
    let [_, machine] = Emulation::named(name).expect("an emulation").clients();
    let introspection = [
        ("OAUTHGATE_TOKEN_MODE", "auto"),
        ("OAUTHGATE_INTROSPECTION_CLIENT_ID", machine),
        (
            "OAUTHGATE_INTROSPECTION_CLIENT_SECRET",
            Emulation::CLIENT_SECRET,
        ),
    ];
    let stage = Stage::of(name, &introspection).await;
    let row = row(name);
    assert_eq!(
        stage.verdict(Kind::User, Changes::default()).await,
        row.user
    );
    let opaque = stage.verdict(Kind::Opaque, Changes::default()).await;
    match name {
        // It has no opaque tokens: a random string is nobody's.
        "keycloak" => assert_eq!(opaque, "401 inactive_token"),
        _ => assert!(opaque.starts_with("user · "), "{name}: {opaque}"),
    }
    let gone = Changes {
        expires_in: Some(-60),
        ..Changes::default()
    };
    let gone = stage.verdict(Kind::Opaque, gone).await;
    assert_eq!(gone, "401 inactive_token", "{name}");
}

/// Opaque tokens show no key by which a throw-away server could be told.
#[rstest]
#[case::google("google")]
#[case::github("github")]
#[case::okta_org("okta-org")]
#[tokio::test]
async fn emulations_are_asked_only_where_they_are_meant(#[case] name: &str) {
    let stage = Stage::of(name, &[("OAUTHGATE_DANGER_ACCEPT_DEV_ISSUER", "false")]).await;
    let verdict = stage.verdict(Kind::User, Changes::default()).await;
    assert_eq!(verdict, "503 introspection_refused", "{name}");
}
