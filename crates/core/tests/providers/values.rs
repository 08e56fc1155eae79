//! Each value of a profile is written as a setting writes it, and read back from that.

use oauthgate_core::{
    Issuer, Profile,
    claims::{ClaimPointer, IssuerTemplate},
    context::{
        AudienceKind, ClaimRequirement, ClientAudience, GroupForm, IntrospectionForm, MachineSign,
        Places, Preset, ScopePlaces, TokenMode, TokenTypes,
    },
};

fn each_preset(check: impl Fn(&Profile)) {
    assert_eq!(Preset::all().len(), 28);
    for preset in Preset::all() {
        check(&preset.profile());
    }
}

#[test]
fn every_pointer_of_every_preset_is_read_back() {
    each_preset(|profile| {
        let lists = [
            &profile.scopes,
            &profile.user,
            &profile.client,
            &profile.tenant,
            &profile.groups,
            &profile.email,
            &profile.tier,
        ];
        for place in lists.into_iter().flatten().chain([&profile.audience_claim]) {
            assert_eq!(ClaimPointer::parse(&place.to_string()).as_ref(), Ok(place));
        }
        assert!(!profile.user.is_empty(), "{}", profile.name());
    });
}

#[test]
fn every_requirement_and_sign_of_every_preset_is_read_back() {
    each_preset(|profile| {
        for requirement in profile.requirements() {
            let text = requirement.to_string();
            assert_eq!(ClaimRequirement::parse(&text).as_ref(), Ok(&requirement));
            assert!(!text.contains([' ', ',']), "one item of a list: {text}");
        }
        let copy = Profile::generic().with_requirements(profile.requirements());
        assert_eq!(copy.required_claims, profile.required_claims);
        assert_eq!(copy.one_required, profile.one_required);
        for sign in &profile.machine_signs {
            let text = sign.to_string();
            assert_eq!(MachineSign::parse(&text).as_ref(), Ok(sign), "{text}");
            assert!(!text.contains([' ', ',']), "one item of a list: {text}");
        }
    });
}

#[test]
fn every_word_of_every_preset_is_read_back() {
    each_preset(|profile| {
        assert_eq!(
            TokenTypes::parse(&profile.token_types.to_string()).as_ref(),
            Ok(&profile.token_types)
        );
        assert_eq!(
            TokenMode::parse(&profile.token_mode.to_string()),
            Ok(profile.token_mode)
        );
        assert_eq!(
            GroupForm::parse(&profile.group_form.to_string()),
            Ok(profile.group_form)
        );
        assert_eq!(
            ScopePlaces::parse(&profile.scope_places.to_string()),
            Ok(profile.scope_places)
        );
    });
    for word in TokenMode::ALL {
        assert_eq!(TokenMode::parse(&word.to_string()), Ok(*word));
    }
    for word in GroupForm::ALL {
        assert_eq!(GroupForm::parse(&word.to_string()), Ok(*word));
    }
    for word in IntrospectionForm::ALL {
        assert_eq!(IntrospectionForm::parse(&word.to_string()), Ok(*word));
    }
    for word in ClientAudience::ALL {
        assert_eq!(ClientAudience::parse(&word.to_string()), Ok(*word));
    }
    for wrong in ["", "JWT", "rfc 7662", "values "] {
        assert!(TokenMode::parse(wrong).is_err());
        assert!(GroupForm::parse(wrong).is_err());
        assert!(IntrospectionForm::parse(wrong).is_err());
    }
}

#[test]
fn every_form_of_a_sign_is_read_back() {
    for text in [
        "/cid",
        "!/uid",
        "/gty=client-credentials",
        "/sub=service-{client}",
        "/sub={client}@clients",
        "/sub^=mch_",
        "/sub$=@clients",
        "/sub==/aud",
        "/azp!=/aud",
        "/roles!/scp",
        "/a=b&/c&!/d",
        "/https:~1~1x.example~1kind=a=b",
    ] {
        assert_eq!(MachineSign::parse(text).unwrap().to_string(), text);
    }
    for wrong in [
        "",
        "gty=x",
        "/gty=",
        "/sub={client}",
        "/sub^=",
        "!",
        "!uid",
        "/a&",
        "&/a",
        "/a!b",
        "/a==",
        "/~2=x",
        "/{a}=x",
    ] {
        assert!(MachineSign::parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn some_kinds_of_token_are_never_access_tokens() {
    for never in [
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "kb+jwt",
    ] {
        for text in [
            never.to_owned(),
            never.to_uppercase(),
            format!("application/{never}"),
            format!("JWT {never}"),
        ] {
            assert!(TokenTypes::parse(&text).is_err(), "{text}");
        }
    }
    for wrong in ["", " ", ",", "a/b", "application/", "é"] {
        assert!(TokenTypes::parse(wrong).is_err(), "{wrong:?}");
    }
    let types = TokenTypes::parse("absent,JWT application/at+jwt").unwrap();
    assert_eq!(types.to_string(), "absent JWT at+jwt");
    assert!(types.allow(Some("AT+JWT")) && types.allow(None) && !types.allow(Some("x")));
}

#[test]
fn a_segment_in_braces_is_another_claims_value_and_never_the_first() {
    for text in [
        "/{tenant}",
        "/{tenant}/x",
        "/a/{}",
        "a/b",
        "",
        "/a/~2",
        "/a/{~}",
    ] {
        assert!(ClaimPointer::parse(text).is_err(), "{text}");
    }
    for text in [
        "/tenants/{dct}/permissions",
        "/a/{b~1c}",
        "/a/{b}{c}",
        "/a/x{b}",
    ] {
        assert_eq!(ClaimPointer::parse(text).unwrap().to_string(), text);
    }
}

/// Which issuer finds which preset.
#[test]
fn an_issuer_of_one_provider_only_finds_its_preset() {
    let cases = [
        (
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E",
            "cognito",
        ),
        (
            "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab",
            "cognito",
        ),
        (
            "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_Ab",
            "cognito",
        ),
        ("https://acme.auth0.com/", "auth0"),
        ("https://acme.eu.auth0.com/", "auth0"),
        ("https://acme.okta.com/oauth2/default", "okta"),
        ("https://acme.oktapreview.com/oauth2/aus9", "okta"),
        ("https://acme.okta-emea.com/oauth2/aus9", "okta"),
        ("https://acme.okta.com", "okta-org"),
        (
            "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
            "entra",
        ),
        (
            "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
            "entra",
        ),
        (
            "https://acme.ciamlogin.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
            "entra-external-id",
        ),
        (
            "https://acme.b2clogin.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0/",
            "b2c",
        ),
        (
            "https://acme.b2clogin.com/tfp/72f988bf-86f1-41af-91ab-2d7cd011db47/b2c_1_in/v2.0/",
            "b2c",
        ),
        ("https://sso.example.com/realms/acme", "keycloak"),
        ("http://127.0.0.1:8080/auth/realms/acme", "keycloak"),
        ("https://accounts.google.com", "google"),
        ("accounts.google.com", "google"),
        ("https://slug.projects.oryapis.com", "hydra"),
        ("https://acme.zitadel.cloud", "zitadel"),
        ("https://acme.us1.zitadel.cloud", "zitadel"),
        ("https://auth.example.com/application/o/mcp/", "authentik"),
        ("https://acme.authkit.app", "workos"),
        ("https://api.workos.com", "workos"),
        ("https://api.workos.com/user_management/client_1", "workos"),
        ("https://api.descope.com/v1/apps/P2abc", "descope"),
        (
            "https://api.descope.com/v1/apps/agentic/P2abc/M1",
            "descope",
        ),
        ("stytch.com/project-live-1", "stytch"),
        ("https://acme.customers.stytch.dev", "stytch"),
        ("https://acme.scalekit.com", "scalekit"),
        ("https://acme.scalekit.cloud", "scalekit"),
        ("https://acme.fusionauth.io", "fusionauth"),
        ("https://x.clerk.accounts.dev", "clerk"),
        ("https://abcd.supabase.co/auth/v1", "supabase"),
        ("https://acme.logto.app/oidc", "logto"),
        ("https://auth.pingone.com/5c1e/as", "pingone"),
        ("https://auth.pingone.com.au/5c1e/as", "pingone"),
        ("https://github.com", "github"),
        ("https://github.com/login/oauth", "github"),
    ];
    for (text, preset) in cases {
        let issuer = Issuer::new(text).unwrap();
        let found = Preset::for_issuer(&issuer).map(|preset| preset.name);
        assert_eq!(found, Some(preset), "{text}");
        let near = [
            format!("{text}.evil.example/"),
            format!("https://evil.example/{text}"),
            format!("https://evil.example/?{text}"),
            format!("https://evil.example#{text}"),
            text.replacen("://", "://evil.example@", 1),
            format!("{text}/x"),
            format!("{text}?"),
            text.to_uppercase(),
        ];
        for other in near.into_iter().filter(|other| other != text) {
            let issuer = Issuer::new(other.as_str()).unwrap();
            let found = Preset::for_issuer(&issuer).map(|preset| preset.name);
            assert_ne!(found, Some(preset), "{other}");
        }
    }
}

#[test]
fn places_follow_from_issuers() {
    let places = |preset: &str, issuer: &str| {
        Preset::named(preset)
            .unwrap()
            .places(&Issuer::new(issuer).unwrap())
    };
    let keys = |preset: &str, issuer: &str| places(preset, issuer).jwks_url;
    for (preset, issuer, expected) in [
        (
            "descope",
            "P2abcXYZ",
            "https://api.descope.com/P2abcXYZ/.well-known/jwks.json",
        ),
        (
            "descope",
            "https://api.descope.com/v1/apps/P2a",
            "https://api.descope.com/P2a/.well-known/jwks.json",
        ),
        (
            "descope",
            "https://api.euc1.descope.com/v1/apps/agentic/P2a/M1",
            "https://api.euc1.descope.com/P2a/.well-known/jwks.json",
        ),
        (
            "stytch",
            "stytch.com/project-test-1a",
            "https://test.stytch.com/v1/sessions/jwks/project-test-1a",
        ),
        (
            "stytch",
            "stytch.com/project-live-1a",
            "https://api.stytch.com/v1/sessions/jwks/project-live-1a",
        ),
        (
            "workos",
            "https://api.workos.com/user_management/client_1",
            "https://api.workos.com/sso/jwks/client_1",
        ),
    ] {
        assert_eq!(keys(preset, issuer).as_deref(), Some(expected), "{issuer}");
    }
    assert_eq!(
        places("generic", "https://auth.example.com/"),
        Places::default()
    );
    assert_eq!(
        places("keycloak", "https://sso.example.com/realms/a"),
        Places::default()
    );
    assert_eq!(places("descope", "acme"), Places::default());
    assert!(Preset::for_issuer(&Issuer::new("P2abcXYZ").unwrap()).is_none());
}

/// Every template, address and issuer that a preset may name is one.
#[test]
fn every_place_of_every_preset_is_well_formed() {
    for issuer in [
        "https://login.microsoftonline.com/common/v2.0",
        "https://login.microsoftonline.com/organizations/v2.0",
        "https://sts.windows.net/common/",
        "https://sts.windows.net/organizations/",
    ] {
        let places = Preset::named("entra")
            .unwrap()
            .places(&Issuer::new(issuer).unwrap());
        assert!(IssuerTemplate::parse(&places.issuer_template.unwrap()).is_ok());
        assert!(Issuer::new(places.metadata_issuer.unwrap()).is_ok());
        assert!(
            places
                .metadata_url
                .unwrap()
                .starts_with("https://login.microsoftonline.com/")
        );
    }
}

#[test]
fn presets_whose_audience_is_a_client_say_so() {
    for name in ["spring", "dex", "authentik", "fusionauth", "clerk"] {
        assert_eq!(
            Preset::named(name).unwrap().audience(),
            AudienceKind::Clients,
            "{name}"
        );
    }
    for name in [
        "generic",
        "auth0",
        "keycloak",
        "logto",
        "oidc-provider",
        "scalekit",
    ] {
        assert_eq!(
            Preset::named(name).unwrap().audience(),
            AudienceKind::Resource,
            "{name}"
        );
    }
    for name in [
        "cognito", "okta", "entra", "supabase", "google", "github", "zitadel",
    ] {
        let audience = Preset::named(name).unwrap().audience();
        assert!(
            matches!(audience, AudienceKind::Named(text) if !text.is_empty()),
            "{name}"
        );
    }
}
