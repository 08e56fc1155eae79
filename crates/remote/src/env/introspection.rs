//! How an authorization server is asked about tokens that only it can read.

use std::{path::Path, time::Duration};

use oauthgate_core::{
    Profile, SettingError,
    context::{IntrospectionForm, TokenMode},
};
use url::Url;

use super::{
    Because, Setting, SettingReader, contradictions::is_mode_known, secret_file, table, values,
};
use crate::introspection::{
    AssertionKey, IntrospectionCredentials, IntrospectionSettings, LONGEST_ANSWER_TTL, Secret,
};

/// The settings that mean nothing unless somebody is asked.
const SETTINGS: [&Setting; 9] = [
    &table::INTROSPECTION_URL,
    &table::INTROSPECTION_AUTH,
    &table::INTROSPECTION_CLIENT_ID,
    &table::INTROSPECTION_CLIENT_SECRET,
    &table::INTROSPECTION_BEARER_TOKEN,
    &table::INTROSPECTION_PRIVATE_KEY_FILE,
    &table::INTROSPECTION_ASSERTION_AUDIENCE,
    &table::INTROSPECTION_CACHE_TTL,
    &table::INTROSPECTION_FORM,
];

/// How we prove who is asking.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Nothing,
    Basic,
    Post,
    Bearer,
    PrivateKeyJwt,
}

impl Method {
    const NAMED: [Self; 4] = [Self::Basic, Self::Post, Self::Bearer, Self::PrivateKeyJwt];

    fn parse(text: &str) -> Result<Self, SettingError> {
        let named = Self::NAMED.into_iter().find(|method| method.name() == text);
        named.ok_or_else(|| {
            SettingError::new(
                "no method of authentication",
                table::INTROSPECTION_AUTH.expected,
            )
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Basic => "basic",
            Self::Post => "post",
            Self::Bearer => "bearer",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The credentials that it needs.
    fn needs(self) -> Vec<&'static Setting> {
        match self {
            Self::Nothing => vec![],
            Self::Basic | Self::Post => vec![
                &table::INTROSPECTION_CLIENT_ID,
                &table::INTROSPECTION_CLIENT_SECRET,
            ],
            Self::Bearer => vec![&table::INTROSPECTION_BEARER_TOKEN],
            Self::PrivateKeyJwt => vec![
                &table::INTROSPECTION_CLIENT_ID,
                &table::INTROSPECTION_PRIVATE_KEY_FILE,
            ],
        }
    }

    /// What it can do without. A signed answer names the client, whatever the method.
    fn takes(self) -> Vec<&'static Setting> {
        match self {
            Self::Nothing => vec![],
            Self::Basic | Self::Post | Self::Bearer => vec![&table::INTROSPECTION_CLIENT_ID],
            Self::PrivateKeyJwt => vec![&table::INTROSPECTION_ASSERTION_AUDIENCE],
        }
    }

    /// Whether a credential is of any use to it.
    fn uses(self, setting: &'static Setting) -> bool {
        let used = [self.needs(), self.takes()].concat();
        used.iter().any(|used| used.key == setting.key)
    }
}

/// Whether anything is said about asking.
pub(super) fn is_given(reader: &impl SettingReader) -> bool {
    SETTINGS.iter().any(|setting| reader.is_given(setting))
}

/// How the issuer is asked; `None` when it is not, and when there are mistakes, which the reader was told.
pub(super) fn introspection_from(
    reader: &mut impl SettingReader,
    profile: &Profile,
) -> Option<IntrospectionSettings> {
    if profile.token_mode == TokenMode::Jwt {
        if is_mode_known(reader) {
            refuse_all(reader);
        } else {
            let _ = (url(reader), ttl(reader), method(reader));
        }
        return None;
    }
    let url = url(reader);
    let credentials = credentials(reader, profile);
    let ttl = ttl(reader);
    let settings = IntrospectionSettings::new(credentials?).with_cache_ttl(ttl?);
    Some(match url {
        Some(url) => settings.at(url),
        None => settings,
    })
}

fn url(reader: &mut impl SettingReader) -> Option<Url> {
    reader.value(&table::INTROSPECTION_URL, values::fetched_url)
}

fn ttl(reader: &mut impl SettingReader) -> Option<Duration> {
    reader.value(&table::INTROSPECTION_CACHE_TTL, |text| {
        values::seconds(text, 0..=LONGEST_ANSWER_TTL.as_secs())
    })
}

fn refuse_all(reader: &mut impl SettingReader) {
    for setting in SETTINGS {
        if reader.is_given(setting) {
            let error = SettingError::new(
                "every token of this issuer is a JWT (`token_mode` is jwt), so nobody is asked about one",
                "OAUTHGATE_TOKEN_MODE=auto or opaque (`token_mode`) beside it, or leave the setting out",
            );
            reader.refuse(setting, None, error);
        }
    }
}

fn credentials(
    reader: &mut impl SettingReader,
    profile: &Profile,
) -> Option<IntrospectionCredentials> {
    let method = method(reader)?;
    if method == Method::Nothing && profile.introspection_form != IntrospectionForm::GoogleTokeninfo
    {
        reader.missing(
            &table::INTROSPECTION_CLIENT_ID,
            format!(
                "the id of a client that the authorization server lets ask about tokens, and OAUTHGATE_INTROSPECTION_CLIENT_SECRET (or another method, see OAUTHGATE_INTROSPECTION_AUTH): token_mode is {}",
                profile.token_mode
            )
            .into(),
        );
        return None;
    }
    refuse_useless(reader, method);
    for setting in method.needs() {
        if !reader.is_given(setting) {
            reader.missing(setting, setting.expected.into());
        }
    }
    let client_id = reader.value(&table::INTROSPECTION_CLIENT_ID, |text| Ok(text.to_owned()));
    let secret = reader.value(&table::INTROSPECTION_CLIENT_SECRET, secret);
    let token = reader.value(&table::INTROSPECTION_BEARER_TOKEN, secret_word);
    let key = reader.value(&table::INTROSPECTION_PRIVATE_KEY_FILE, private_key);
    let audience = reader.value(
        &table::INTROSPECTION_ASSERTION_AUDIENCE,
        values::assertion_audience,
    );
    Some(match method {
        Method::Nothing => IntrospectionCredentials::Nothing,
        Method::Basic => IntrospectionCredentials::Basic {
            client_id: client_id?,
            secret: secret?,
        },
        Method::Post => IntrospectionCredentials::Post {
            client_id: client_id?,
            secret: secret?,
        },
        Method::Bearer => IntrospectionCredentials::Bearer {
            token: token?,
            client_id,
        },
        Method::PrivateKeyJwt => IntrospectionCredentials::PrivateKeyJwt {
            client_id: client_id?,
            key: key?,
            audience,
        },
    })
}

/// The method given, or the one that the credentials given are of.
fn method(reader: &mut impl SettingReader) -> Option<Method> {
    let setting = &table::INTROSPECTION_AUTH;
    if reader.is_given(setting) {
        return reader.value(setting, Method::parse);
    }
    let told = |setting: &'static Setting| reader.is_given(setting);
    let method = if told(&table::INTROSPECTION_BEARER_TOKEN) {
        Method::Bearer
    } else if told(&table::INTROSPECTION_PRIVATE_KEY_FILE) {
        Method::PrivateKeyJwt
    } else if told(&table::INTROSPECTION_CLIENT_ID) || told(&table::INTROSPECTION_CLIENT_SECRET) {
        Method::Basic
    } else {
        Method::Nothing
    };
    if method != Method::Nothing {
        reader.note(setting, method.name(), Because::Derived);
    }
    Some(method)
}

/// Credentials that would never be shown are a misunderstanding about which ones are.
fn refuse_useless(reader: &mut impl SettingReader, method: Method) {
    for setting in [
        &table::INTROSPECTION_CLIENT_ID,
        &table::INTROSPECTION_CLIENT_SECRET,
        &table::INTROSPECTION_BEARER_TOKEN,
        &table::INTROSPECTION_PRIVATE_KEY_FILE,
        &table::INTROSPECTION_ASSERTION_AUDIENCE,
    ] {
        if reader.is_given(setting) && !method.uses(setting) {
            let error = SettingError::new(
                format!("with the method {} it is never used", method.name()),
                "the credentials of one method only; OAUTHGATE_INTROSPECTION_AUTH (`introspection_auth`) says which",
            );
            reader.refuse(setting, None, error);
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several functions that read a text"
)]
fn secret(text: &str) -> Result<Secret, SettingError> {
    Ok(Secret::new(text))
}

/// A token for the `Authorization` header (RFC 6750 §2.1).
fn secret_word(text: &str) -> Result<Secret, SettingError> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(text));
    }
    Err(SettingError::new(
        "a character that no token has",
        "the token as the authorization server gave it, without `Bearer` before it",
    ))
}

fn private_key(path: &str) -> Result<AssertionKey, SettingError> {
    secret_file(Path::new(path)).and_then(|text| AssertionKey::parse(&text))
}
