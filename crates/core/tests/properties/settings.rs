//! What a setting writes is what a profile reads, whatever it is.

use oauthgate_core::{
    Issuer,
    claims::ClaimPointer,
    context::{ClaimRequirement, MachineSign, Preset, TokenTypes},
};
use proptest::prelude::*;

/// A pointer as a list of a setting can carry it.
fn pointer() -> impl Strategy<Value = String> {
    let name = "[a-zA-Z0-9_.:]{1,6}(~[01])?";
    let segment = prop_oneof![3 => name.prop_map(|name| name), 1 => "\\{[a-z]{1,4}(~1)?\\}".prop_map(|bound| bound)];
    (name, prop::collection::vec(segment, 0..3)).prop_map(|(first, rest)| {
        let rest: String = rest.iter().map(|segment| format!("/{segment}")).collect();
        format!("/{first}{rest}")
    })
}

fn value() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9@_:/-][a-zA-Z0-9@_:/=-]{0,8}"
}

fn sign() -> impl Strategy<Value = String> {
    let one = || {
        prop_oneof![
            pointer(),
            pointer().prop_map(|place| format!("!{place}")),
            (pointer(), value()).prop_map(|(place, value)| format!("{place}={value}")),
            (pointer(), value()).prop_map(|(place, value)| format!("{place}^={value}")),
            (pointer(), value()).prop_map(|(place, value)| format!("{place}$={value}")),
            (pointer(), value()).prop_map(|(place, value)| format!("{place}={value}{{client}}")),
            (pointer(), pointer()).prop_map(|(place, other)| format!("{place}=={other}")),
            (pointer(), pointer()).prop_map(|(place, other)| format!("{place}!={other}")),
            (pointer(), pointer()).prop_map(|(place, other)| format!("{place}!{other}")),
        ]
    };
    prop_oneof![
        one(),
        prop::collection::vec(one(), 2..4).prop_map(|signs| signs.join("&"))
    ]
}

proptest! {
    #[test]
    fn a_pointer_is_written_as_it_was_read(text in pointer()) {
        prop_assert_eq!(ClaimPointer::parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn a_sign_is_written_as_it_was_read(text in sign()) {
        let sign = MachineSign::parse(&text).unwrap();
        prop_assert_eq!(sign.to_string(), text.clone());
        prop_assert_eq!(MachineSign::parse(&sign.to_string()).unwrap(), sign);
    }

    #[test]
    fn a_requirement_is_written_as_it_was_read(
        places in prop::collection::vec(pointer(), 1..3),
        values in prop::collection::vec("[a-zA-Z0-9@_:/-]{1,8}", 0..3),
    ) {
        let text = match values.is_empty() {
            true => places.join("|"),
            false => format!("{}={}", places[0], values.join("|")),
        };
        prop_assert_eq!(ClaimRequirement::parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,60}", odd in "[/~{}=!&|^$a*.:-]{0,24}") {
        for text in [text, odd] {
            let _ = MachineSign::parse(&text).map(|sign| sign.to_string());
            let _ = ClaimRequirement::parse(&text);
            let _ = TokenTypes::parse(&text);
            if let Ok(pointer) = ClaimPointer::parse(&text) {
                prop_assert_eq!(pointer.to_string(), text.clone());
            }
            if let Ok(issuer) = Issuer::new(text) {
                let _ = Preset::for_issuer(&issuer);
                for preset in Preset::all() {
                    let _ = preset.places(&issuer);
                }
            }
        }
    }

    /// A token type that a list takes is never one of the five that are no access tokens.
    #[test]
    fn no_list_takes_a_token_of_another_purpose(words in prop::collection::vec("absent|JWT|at\\+jwt|x|dpop\\+jwt|Logout\\+JWT|application/kb\\+jwt", 1..4)) {
        let never = ["dpop+jwt", "logout+jwt", "secevent+jwt", "token-introspection+jwt", "kb+jwt"];
        match TokenTypes::parse(&words.join(" ")) {
            Ok(types) => for never in never {
                prop_assert!(!types.allow(Some(never)));
            },
            Err(_) => prop_assert!(words.iter().any(|word| word.to_lowercase().ends_with("+jwt"))),
        }
    }
}
