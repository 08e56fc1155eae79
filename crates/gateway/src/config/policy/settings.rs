//! The settings of a resource's policy that are one word each.

use std::{path::PathBuf, time::Duration};

use oauthgate_core::{ScopeHierarchy, SettingError};
use oauthgate_mcp::policy::{ListFilter, Rule, StepUp};
use oauthgate_remote::env::{SettingReader, Words};
use oauthgate_tower::StreamExpiry;

use super::{TablesGiven, build, compile, shown, source, tools, words};
use crate::config::{file::setting, reader::Reader, settings::Tools, values};

/// How a resource's policy works, beside its rules.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PolicySettings {
    /// Where the rules stand, when not beside the resource; `OAUTHGATE_POLICY_FILE`.
    pub file: Option<PathBuf>,
    /// Who may do what, in the order in which they are asked.
    pub rules: Vec<Rule>,
    /// Which scopes imply which, also for the scopes that every request needs.
    pub scope_hierarchy: ScopeHierarchy,
    /// Which items of a list a caller sees; `OAUTHGATE_LIST_FILTER`.
    pub list_filter: ListFilter,
    /// What a challenge for more scopes names; `OAUTHGATE_STEP_UP`.
    pub step_up: StepUp,
    /// Bytes of a request body that a policy reads; `OAUTHGATE_MAX_MESSAGE_BYTES`.
    pub max_message_bytes: usize,
    /// How long such a body may take in all; `OAUTHGATE_MESSAGE_TIMEOUT`.
    pub message_timeout: Duration,
    /// Bytes of a list answer that is filtered; `OAUTHGATE_MAX_LIST_BYTES`.
    pub max_list_bytes: usize,
}

/// 4 MiB.
const MESSAGE: usize = 4 * 1024 * 1024;

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            file: None,
            rules: Vec::new(),
            scope_hierarchy: ScopeHierarchy::default(),
            list_filter: ListFilter::default(),
            step_up: StepUp::default(),
            max_message_bytes: MESSAGE,
            message_timeout: Duration::from_secs(120),
            max_list_bytes: MESSAGE,
        }
    }
}

/// The policy of a resource.
pub(in crate::config) struct Read {
    pub(in crate::config) tools: Tools,
    pub(in crate::config) settings: PolicySettings,
}

/// What a resource's section says about its policy; `None` when there is a mistake.
pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Read> {
    let list_filter = reader.one("list_filter", list_filter);
    let step_up = reader.one("step_up", step_up);
    let max_message_bytes = bytes("max_message_bytes", reader);
    let message_timeout = reader.one("message_timeout", |text| values::seconds(text, 1..=3600));
    let max_list_bytes = bytes("max_list_bytes", reader);
    let (section, file) = source::section(reader)?;
    let mut reader = reader.on(&section);
    let tables = &section.tables;
    let rules = compile::rules(&tables.rules, reader.mistakes);
    let scope_hierarchy = words::hierarchy(&tables.hierarchy, reader.mistakes);
    record(&mut reader, tables);
    let tools = tools::read(&mut reader);
    if let Some(rules) = &rules {
        let policy = build::policy(rules, &tools);
        compile::refuse_together(&policy, tables, reader.mistakes);
    }
    if !tables.rules.is_empty() {
        let (text, origin) = shown::OTHERWISE;
        reader.record_whole("rule.otherwise", text.to_owned(), &origin);
    }
    Some(Read {
        tools,
        settings: PolicySettings {
            file,
            rules: rules?,
            scope_hierarchy: scope_hierarchy?,
            list_filter: list_filter?,
            step_up: step_up?,
            max_message_bytes: max_message_bytes?,
            message_timeout: message_timeout?,
            max_list_bytes: max_list_bytes?,
        },
    })
}

/// The rules in the order in which they are asked, each with its line.
fn record(reader: &mut Reader<'_>, tables: &TablesGiven) {
    for (scope, given) in &tables.hierarchy {
        let scope = format!("scope_hierarchy.{}", scope.escape_debug());
        reader.record(&scope, &compile::text_of(given), &given.origin);
    }
    for (position, rule) in tables.rules.iter().enumerate() {
        let name = format!("rule.{}", shown::name(rule, position + 1).escape_debug());
        reader.record_whole(&name, shown::sentence(rule), &rule.origin);
    }
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
