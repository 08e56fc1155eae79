//! The pages of `docs/providers`, taken at their word.

use std::{collections::BTreeSet, process::Command};

use oauthgate_core::context::Preset;
use oauthgate_dev_issuer::Emulation;
use oauthgate_e2e::{Page, SECTIONS, binary, workspace_root};

/// What a page may set beside its four variables: which preset, and how the gate itself logs in.
fn is_extra(name: &str) -> bool {
    name == "OAUTHGATE_PRESET" || name.starts_with("OAUTHGATE_INTROSPECTION_")
}

fn pages() -> impl Iterator<Item = Page> {
    Page::presets()
        .into_iter()
        .map(|preset| Page::named(&preset))
}

#[test]
fn every_preset_has_a_page_and_every_page_a_preset() {
    let presets = Preset::all().iter().map(|preset| preset.name.to_owned());
    // The one for whatever has no page of its own.
    let presets: BTreeSet<_> = presets.filter(|name| name != "generic").collect();
    assert_eq!(presets, Page::presets());
}

#[test]
fn every_block_of_variables_is_a_whole_configuration() {
    for page in pages() {
        for block in page.variables() {
            let check = Command::new(binary("oauthgate").path())
                .args(["config", "check"])
                .env_clear()
                .envs(block)
                .output()
                .expect("the binary starts");
            let said = String::from_utf8_lossy(&check.stdout);
            assert!(check.status.success(), "{}: {said}", page.preset);
        }
    }
}

#[test]
fn every_page_has_the_same_sections_in_the_same_order() {
    for page in pages() {
        assert_eq!(page.sections(), SECTIONS, "{}", page.preset);
    }
}

#[test]
fn four_variables_suffice() {
    for page in pages() {
        let blocks = page.variables();
        assert!(!blocks.is_empty(), "{}", page.preset);
        for block in blocks {
            let counted: Vec<_> = block.iter().filter(|(name, _)| !is_extra(name)).collect();
            assert!(counted.len() <= 4, "{}: {counted:?}", page.preset);
        }
    }
}

#[test]
fn every_block_of_variables_has_its_emulation() {
    for page in pages() {
        let emulations = page.emulations();
        assert_eq!(emulations.len(), page.variables().len(), "{}", page.preset);
        for name in emulations {
            let emulation = Emulation::named(&name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(emulation.preset(), page.preset, "{name}");
        }
    }
}

#[test]
fn every_page_promises_who_the_user_is() {
    for page in pages() {
        let promises = page.promises();
        let user = promises
            .iter()
            .find(|promise| promise.header == "X-Auth-Request-User");
        let user = user.unwrap_or_else(|| panic!("{}", page.preset));
        assert!(!user.claims.is_empty(), "{}", page.preset);
        // A token without a header is an opaque one: then the example is an answer of the server.
        let example = page.example();
        assert!(example.claims.is_object(), "{}", page.preset);
    }
}

/// A page may leave out places that its provider does not use, and never turns two around.
#[test]
fn every_table_names_the_places_of_its_preset() {
    // The page of GitHub shows the answer as GitHub gives it, before its members get their usual names.
    for page in pages().filter(|page| page.preset != "github") {
        let preset = Preset::all().iter().find(|it| it.name == page.preset);
        let profile = preset.expect("a preset for the page").profile();
        for promise in page.promises() {
            let places = match promise.header.as_str() {
                "X-Auth-Request-User" => &profile.user,
                "X-Auth-Tenant" => &profile.tenant,
                "X-Auth-Request-Groups" => &profile.groups,
                "X-Auth-Client" => &profile.client,
                "X-Auth-Scopes" => &profile.scopes,
                "X-Auth-Request-Email" => &profile.email,
                other => panic!("{}: {other}", page.preset),
            };
            let mut places = places.iter().map(ToString::to_string);
            for claim in &promise.claims {
                let is_in_order = places.any(|place| place == *claim);
                assert!(is_in_order, "{}: {claim}", page.preset);
            }
        }
    }
}

#[test]
fn the_table_of_all_links_every_page() {
    let table = Page::named("README");
    let table = table.text();
    for preset in Page::presets() {
        let row = format!("]({preset}.md) | `{preset}` |");
        assert_eq!(table.matches(&row).count(), 1, "{preset}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let folder = workspace_root().join("docs/providers");
    for page in pages().chain([Page::named("README")]) {
        let links = page.text().split("](").skip(1);
        let targets = links.filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let file = target.split('#').next().expect("a split has a first part");
            assert!(folder.join(file).is_file(), "{}: {target}", page.preset);
        }
    }
}
