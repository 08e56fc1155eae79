//! Programs that got a token for themselves, and persons who would like to look like one.

use oauthgate_core::{PrincipalKind, Profile, Reason, claims::ClaimPointer};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn c15_a_machine_is_never_a_user_of_the_same_name() {
    let generic = |more: &Value| user_of(Profile::generic(), &claims_with(more)).unwrap();
    let user = generic(&json!({"sub": "x", "client_id": "app"}));
    let machine = generic(&json!({"sub": "x", "client_id": "x"}));
    let nameless = generic(&json!({"sub": null, "client_id": "x"}));
    assert_eq!((user.user_id(), user.kind()), ("x", PrincipalKind::User));
    assert_eq!(
        (machine.user_id(), machine.kind()),
        ("x", PrincipalKind::Service)
    );
    assert_eq!(
        (nameless.user_id(), nameless.kind()),
        ("x", PrincipalKind::Service)
    );
}

/// Without the optional claim `idtyp`, only the shape of a token tells that a program got it (R27).
#[test]
fn c15_entra_roles_without_scopes_are_a_programs() {
    let entra = |more: &Value| {
        let claims = json!({"sub": "0222", "oid": "0222", "azp": "75db", "client_id": null, "scope": null, "roles": ["Tools.Read.All"]});
        let user = user_of(Profile::entra(), &claims_with(&merged(claims, more))).unwrap();
        (user.user_id().to_owned(), user.kind())
    };
    let program = ("75db".to_owned(), PrincipalKind::Service);
    let person = ("0222".to_owned(), PrincipalKind::User);
    assert_eq!(entra(&json!({})), program);
    assert_eq!(entra(&json!({"sub": "HKZp"})), program);
    assert_eq!(entra(&json!({"scp": "tools.read"})), person);
    let without_roles = json!({"scp": "tools.read", "roles": null});
    assert_eq!(entra(&without_roles), person);
}

/// Anybody may pick a name in a realm where people register themselves.
#[test]
fn c15_a_keycloak_user_is_no_service_account_by_a_name_it_chose() {
    let keycloak = |more: &Value| {
        let claims = json!({"sub": "5a2f", "typ": "Bearer", "azp": "Scheduler", "client_id": null});
        let user = user_of(Profile::keycloak(), &claims_with(&merged(claims, more))).unwrap();
        (user.user_id().to_owned(), user.kind())
    };
    let person = ("5a2f".to_owned(), PrincipalKind::User);
    for name in [
        "service-account-",
        "service-account-ana",
        "service-account-scheduler2",
        "service-account-service-account-scheduler",
        "xservice-account-scheduler",
        "scheduler",
    ] {
        let named = json!({"preferred_username": name});
        assert_eq!(keycloak(&named), person, "{name}");
    }
    let clientless = json!({"preferred_username": "service-account-scheduler", "azp": null});
    assert_eq!(keycloak(&clientless), person);
    // Keycloak writes names of users in lower case, and those of clients as they are; what only a
    // session of client credentials has must stand beside the name, which a person could choose.
    let program = ("Scheduler".to_owned(), PrincipalKind::Service);
    for name in ["service-account-scheduler", "service-account-Scheduler"] {
        let named = json!({"preferred_username": name});
        assert_eq!(keycloak(&named), person, "{name}");
        for sign in ["client_id", "clientId", "clientHost", "clientAddress"] {
            let signed = merged(named.clone(), &json!({ sign: "Scheduler" }));
            assert_eq!(keycloak(&signed), program, "{name} {sign}");
        }
    }
    for sign in ["client_id", "clientId"] {
        let other = json!({"preferred_username": "ana", sign: "Scheduler"});
        assert_eq!(
            keycloak(&other),
            person,
            "{sign} of an administrator's mapper"
        );
    }
}

/// A person without an employee number is no program: the client's own rights are not his.
#[test]
fn c15_somebody_whose_id_is_missing_is_not_taken_for_the_client() {
    let numbered = || Profile::generic().with_user(vec![ClaimPointer::claim("employee")]);
    let caller = |profile: Profile, more: &Value| {
        let claims = json!({"sub": "ana", "client_id": "web-app"});
        user_of(profile, &merged(claims_with(&claims), more))
            .map(|user| (user.user_id().to_owned(), user.kind()))
    };
    let person = json!({"employee": "7"});
    assert_eq!(
        caller(numbered(), &person),
        Ok(("7".to_owned(), PrincipalKind::User))
    );
    assert_eq!(caller(numbered(), &json!({})), Err(Reason::MissingSubject));
    let entra = json!({"azp": "web-app", "client_id": null, "scope": null, "scp": "tools.read"});
    assert_eq!(
        caller(Profile::entra(), &entra),
        Err(Reason::MissingSubject)
    );
    let program = Ok(("web-app".to_owned(), PrincipalKind::Service));
    for more in [json!({"sub": "web-app"}), json!({"sub": null})] {
        assert_eq!(caller(numbered(), &more), program, "{more}");
    }
}

/// The last part of a user's `sub` comes from a directory that a customer runs.
#[test]
fn c15_an_auth0_user_is_no_program_by_the_name_its_directory_chose() {
    let auth0 = |subject: &str| {
        let claims = json!({"sub": subject, "azp": "CS2M", "client_id": null});
        let user = user_of(Profile::auth0(), &claims_with(&claims)).unwrap();
        (user.user_id().to_owned(), user.kind())
    };
    let program = ("CS2M".to_owned(), PrincipalKind::Service);
    assert_eq!(auth0("CS2M@clients"), program);
    for subject in [
        "samlp|acme|ana@clients",
        "samlp|acme|CS2M@clients",
        "auth0|@clients",
        "xCS2M@clients",
    ] {
        let person = (subject.to_owned(), PrincipalKind::User);
        assert_eq!(auth0(subject), person, "{subject}");
    }
}
