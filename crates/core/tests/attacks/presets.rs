//! Presets: which issuer tells which provider, and that nothing else does.

use oauthgate_core::{
    Issuer, Profile,
    context::{Places, Preset},
};

fn found(issuer: &str) -> Option<&'static str> {
    Preset::for_issuer(&Issuer::new(issuer).unwrap()).map(|preset| preset.name)
}

#[test]
fn every_preset_has_a_name_of_its_own_and_a_profile_of_that_name() {
    let mut names: Vec<_> = Preset::all().iter().map(|preset| preset.name).collect();
    for preset in Preset::all() {
        assert_eq!(Preset::named(preset.name).unwrap().name, preset.name);
        assert_eq!(preset.profile().name(), preset.name);
        assert!(!preset.title.is_empty());
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Preset::all().len());
    assert!(Preset::named("Cognito").is_none());
}

#[test]
fn an_issuer_that_tells_nothing_is_generic() {
    for issuer in [
        "https://auth.example.com/",
        "acme",
        "https://evil.example/https://acme.auth0.com/",
        "https://acme.auth0.com.evil.example/",
        "https://cognito-idp.eu-west-1.amazonaws.com.evil.test/x",
        "https://evil.test/cognito-idp.amazonaws.com",
    ] {
        assert_eq!(found(issuer), None, "{issuer}");
        let issuer = Issuer::new(issuer).unwrap();
        assert_eq!(Profile::for_issuer(&issuer).name(), "generic");
    }
}

#[test]
fn entras_address_for_every_tenant_stands_for_a_template() {
    let entra = Preset::named("entra").unwrap();
    let places = |issuer: &str| entra.places(&Issuer::new(issuer).unwrap());
    let of_all = places("https://login.microsoftonline.com/organizations/v2.0");
    assert_eq!(
        of_all.issuer_template.as_deref(),
        Some("https://login.microsoftonline.com/{tid}/v2.0")
    );
    assert_eq!(
        of_all.metadata_issuer.as_deref(),
        Some("https://login.microsoftonline.com/{tenantid}/v2.0")
    );
    let of_one = places("https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/");
    assert_eq!(
        of_one.metadata_url.as_deref(),
        Some(
            "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/.well-known/openid-configuration"
        )
    );
    assert_eq!(of_one.issuer_template, None);
    assert_eq!(
        places("https://auth.example.com/organizations/v2.0"),
        Places::default()
    );
}
