//! The settings of a resource's policy that are one word each.

use std::path::PathBuf;

use oauthgate_core::SettingError;
use oauthgate_remote::env::{SettingReader, Words};
use oauthgate_tower::StreamExpiry;

use crate::config::{file::setting, given::Origin, reader::Reader, values};

/// How a resource's policy works, beside its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicySettings {
    /// Where the rules stand, when not beside the resource; `OAUTHGATE_POLICY_FILE`.
    pub file: Option<PathBuf>,
    /// Which items of a list a caller sees; `OAUTHGATE_LIST_FILTER`.
    pub list_filter: ListFilter,
    /// What a challenge for more scopes names; `OAUTHGATE_STEP_UP`.
    pub step_up: StepUp,
    /// Bytes of a request body that a policy reads; `OAUTHGATE_MAX_MESSAGE_BYTES`.
    pub max_message_bytes: usize,
    /// Bytes of a list answer that is filtered; `OAUTHGATE_MAX_LIST_BYTES`.
    pub max_list_bytes: usize,
}

/// 4 MiB.
const MESSAGE: usize = 4 * 1024 * 1024;

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            file: None,
            list_filter: ListFilter::default(),
            step_up: StepUp::default(),
            max_message_bytes: MESSAGE,
            max_list_bytes: MESSAGE,
        }
    }
}

/// Which items of `tools/list` and its kin a caller sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListFilter {
    /// What this caller may use now.
    #[default]
    Callable,
    /// Also what more scopes, or a login, would open.
    Reachable,
    /// Everything.
    Off,
}

/// What a challenge for more scopes names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepUp {
    /// The scopes that the operation needs.
    #[default]
    Needed,
    /// Also the caller's own, for clients that ask for nothing else than what the challenge names.
    Cumulative,
}

/// The policy's settings; `None` when one has a mistake.
pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<PolicySettings> {
    let is_given = reader.section.values.contains_key("policy_file");
    let file = policy_file(reader);
    let list_filter = reader.one("list_filter", list_filter);
    let step_up = reader.one("step_up", step_up);
    let max_message_bytes = bytes("max_message_bytes", reader);
    let max_list_bytes = bytes("max_list_bytes", reader);
    (file.is_some() || !is_given).then_some(())?;
    Some(PolicySettings {
        file,
        list_filter: list_filter?,
        step_up: step_up?,
        max_message_bytes: max_message_bytes?,
        max_list_bytes: max_list_bytes?,
    })
}

/// A path in the configuration file is relative to that file, as the other files that it names.
fn policy_file(reader: &mut Reader<'_>) -> Option<PathBuf> {
    let beside = match reader.section.values.get("policy_file") {
        Some(given) => match &given.origin {
            Origin::File { path, .. } => path.parent().map(PathBuf::from),
            _ => None,
        },
        None => None,
    };
    let path = reader.one("policy_file", values::text)?;
    Some(beside.unwrap_or_default().join(path))
}

fn bytes(key: &'static str, reader: &mut Reader<'_>) -> Option<usize> {
    let number = reader.one(key, |text| values::number(text, 1024..=268_435_456))?;
    usize::try_from(number).ok()
}

/// What becomes of streams; `None` when there is a mistake.
pub(in crate::config) fn stream_expiry(reader: &mut Reader<'_>) -> Option<StreamExpiry> {
    let closes = reader.one("stream_expiry", closes);
    let given = reader.words(setting("stream_expiry_grace"));
    if let (Some(false), Some(words)) = (closes, given) {
        refuse_useless_grace(reader, &words);
        return None;
    }
    let grace = if closes == Some(false) {
        None
    } else {
        reader.one("stream_expiry_grace", |text| values::seconds(text, 0..=300))
    };
    match closes? {
        true => Some(StreamExpiry::Close { grace: grace? }),
        false => Some(StreamExpiry::Keep),
    }
}

fn refuse_useless_grace(reader: &mut Reader<'_>, words: &Words) {
    let word = match words {
        Words::One(word) => word.clone(),
        Words::Many(words) => words.join(", "),
    };
    let error = SettingError::new(
        "streams are kept, so nothing waits for their end",
        "`close` as OAUTHGATE_STREAM_EXPIRY, or leave the setting out",
    );
    reader.refuse(setting("stream_expiry_grace"), Some(&word), error);
}

fn list_filter(text: &str) -> Result<ListFilter, SettingError> {
    match text {
        "callable" => Ok(ListFilter::Callable),
        "reachable" => Ok(ListFilter::Reachable),
        "off" => Ok(ListFilter::Off),
        _ => Err(SettingError::new(
            "no way to filter lists",
            "callable, reachable or off",
        )),
    }
}

fn step_up(text: &str) -> Result<StepUp, SettingError> {
    match text {
        "needed" => Ok(StepUp::Needed),
        "cumulative" => Ok(StepUp::Cumulative),
        _ => Err(SettingError::new(
            "no way to name scopes",
            "needed or cumulative",
        )),
    }
}

/// Whether streams end with their token.
fn closes(text: &str) -> Result<bool, SettingError> {
    match text {
        "close" => Ok(true),
        "keep" => Ok(false),
        _ => Err(SettingError::new("no fate of a stream", "close or keep")),
    }
}
