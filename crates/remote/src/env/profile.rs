//! How an issuer writes its tokens: what the preset says, with the settings laid over it.

use std::fmt::Display;

use oauthgate_core::{
    Profile, SettingError,
    claims::ClaimPointer,
    context::{
        ClaimRequirement, ClientAudience, GroupForm, IntrospectionForm, MachineSign, ScopePlaces,
        TokenMode, TokenTypes,
    },
};

use super::{Because, Setting, SettingReader, introspection, table, values};
use crate::preset_choice::PresetChoice;

/// The profile of the preset, with every setting that was given in place of what the preset says.
pub(super) fn profile_from(
    reader: &mut impl SettingReader,
    mut profile: Profile,
    choice: PresetChoice,
) -> Profile {
    let mut over = Overlay {
        reader,
        otherwise: Because::Preset(choice),
    };
    over.token_mode(&mut profile.token_mode);
    over.token_types(&mut profile.token_types);
    over.requirements(&mut profile);
    over.one(
        &table::AUDIENCE_CLAIM,
        &mut profile.audience_claim,
        ClaimPointer::parse,
    );
    over.one(
        &table::CLIENT_AUDIENCE,
        &mut profile.client_audience,
        ClientAudience::parse,
    );
    over.claims(&mut profile);
    over.many(
        &table::SERVICE_SIGNS,
        &mut profile.machine_signs,
        MachineSign::parse,
    );
    over.many(
        &table::OPAQUE_PREFIXES,
        &mut profile.opaque_prefixes,
        values::word,
    );
    over.introspection_form(&mut profile);
    profile
}

struct Overlay<'reader, R> {
    reader: &'reader mut R,
    /// Why a value holds that no setting says.
    otherwise: Because,
}

impl<R: SettingReader> Overlay<'_, R> {
    fn claims(&mut self, profile: &mut Profile) {
        let pointer = ClaimPointer::parse;
        self.many(&table::SCOPE_CLAIMS, &mut profile.scopes, pointer);
        self.one(
            &table::SCOPE_PLACES,
            &mut profile.scope_places,
            ScopePlaces::parse,
        );
        self.scope_prefix(&mut profile.scope_prefix);
        self.many(&table::GROUP_CLAIMS, &mut profile.groups, pointer);
        self.one(
            &table::GROUP_FORM,
            &mut profile.group_form,
            GroupForm::parse,
        );
        self.many(&table::USER_CLAIMS, &mut profile.user, pointer);
        self.many(&table::CLIENT_CLAIMS, &mut profile.client, pointer);
        self.many(&table::TENANT_CLAIMS, &mut profile.tenant, pointer);
        self.many(&table::TIER_CLAIMS, &mut profile.tier, pointer);
        self.many(&table::EMAIL_CLAIMS, &mut profile.email, pointer);
    }

    fn one<T: Display>(
        &mut self,
        setting: &'static Setting,
        held: &mut T,
        parse: impl FnOnce(&str) -> Result<T, SettingError>,
    ) {
        if !self.reader.is_given(setting) {
            self.reader.note(setting, &held.to_string(), self.otherwise);
        } else if let Some(value) = self.reader.value(setting, parse) {
            *held = value;
        }
    }

    fn many<T: Display>(
        &mut self,
        setting: &'static Setting,
        held: &mut Vec<T>,
        parse: impl Fn(&str) -> Result<T, SettingError>,
    ) {
        if self.reader.is_given(setting) {
            *held = self.reader.values(setting, parse);
        } else {
            self.held(setting, held.iter());
        }
    }

    fn held(&mut self, setting: &'static Setting, items: impl Iterator<Item = impl Display>) {
        let items: Vec<_> = items.map(|item| item.to_string()).collect();
        self.reader.note(setting, &items.join(" "), self.otherwise);
    }

    /// Of a provider whose tokens are of both kinds those that are JWTs are taken without more ado; the
    /// others need somebody who can be asked.
    fn token_mode(&mut self, held: &mut TokenMode) {
        let setting = &table::TOKEN_MODE;
        let nobody_is_asked =
            !self.reader.is_given(setting) && !introspection::is_given(self.reader);
        if *held == TokenMode::Auto && nobody_is_asked {
            *held = TokenMode::Jwt;
            self.reader
                .note(setting, &held.to_string(), Because::Derived);
        } else {
            self.one(setting, held, TokenMode::parse);
        }
    }

    /// Where nobody is asked, nothing is said about how; a setting about it is refused elsewhere.
    fn introspection_form(&mut self, profile: &mut Profile) {
        if profile.token_mode != TokenMode::Jwt {
            let held = &mut profile.introspection_form;
            self.one(&table::INTROSPECTION_FORM, held, IntrospectionForm::parse);
        }
    }

    /// Each item is judged on its own, so that every wrong one is told.
    fn token_types(&mut self, held: &mut TokenTypes) {
        if !self.reader.is_given(&table::TOKEN_TYPES) {
            self.held(&table::TOKEN_TYPES, std::iter::once(held));
            return;
        }
        let one = |word: &str| TokenTypes::parse(word).map(|types| types.to_string());
        let words = self.reader.values(&table::TOKEN_TYPES, one);
        // Only a list whose every item was refused is none; the mistakes are reported.
        if let Ok(types) = TokenTypes::parse(&words.join(" ")) {
            *held = types;
        }
    }

    fn requirements(&mut self, profile: &mut Profile) {
        let setting = &table::REQUIRED_CLAIMS;
        if !self.reader.is_given(setting) {
            let held: Vec<_> = profile.requirements().collect();
            self.held(setting, held.iter());
            return;
        }
        let all = self.reader.values(setting, ClaimRequirement::parse);
        *profile = profile.clone().with_requirements(all);
    }

    fn scope_prefix(&mut self, held: &mut Option<String>) {
        if self.reader.is_given(&table::SCOPE_PREFIX) {
            *held = self.reader.value(&table::SCOPE_PREFIX, values::word);
        } else {
            self.held(&table::SCOPE_PREFIX, held.iter());
        }
    }
}
