//! `oauthgate.toml`, read into sections with the line of every value.

use std::path::Path;

use oauthgate_remote::env::Setting;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    document::Document,
    env::{Level, VARIABLES, variable},
    given::{Given, Mistakes, Words, nearest, shown},
    limits::{self, LimitsGiven},
    policy::{self, TablesGiven},
    secret,
    section::{Section, Sections},
};

/// The file that is read when nobody names another.
pub const DEFAULT_NAME: &str = "oauthgate.toml";

/// Keys that no environment variable can say, because they only make sense beside several resources.
pub(super) static FILE_ONLY: &[(Level, Setting)] = &[
    (
        Level::Gate,
        Setting::new(
            ("resource", "resource"),
            None,
            "one `[[resource]]` for each protected resource",
            "",
            None,
        ),
    ),
    (
        Level::Resource,
        Setting::new(
            ("name", "name"),
            None,
            "a short name for log lines and metrics, for example tools",
            "",
            None,
        ),
    ),
    (
        Level::Resource,
        Setting::new(
            ("path", "path"),
            None,
            "the path it is served under, for example /mcp; the path of `server_url` unless set",
            "",
            None,
        ),
    ),
    (
        Level::Resource,
        Setting::new(
            ("rule", "rule"),
            None,
            "one `[[resource.rule]]` for each rule about who may do what, in order; [their keys](policy.md)",
            "",
            None,
        ),
    ),
    (
        Level::Resource,
        Setting::new(
            ("scope_hierarchy", "scope_hierarchy"),
            None,
            "a table `[resource.scope_hierarchy]` of scopes, each with those that it implies: \"files:write\" = [\"files:read\"]",
            "",
            None,
        ),
    ),
    (
        Level::Resource,
        Setting::new(
            ("tools", "tools"),
            None,
            "a table `[resource.tools]` of MCP tool names, each with the scopes of a call: delete = [\"tools:write\"]",
            "",
            None,
        ),
    ),
    (
        Level::Resource,
        Setting::new(
            ("unlisted_tools", "unlisted_tools"),
            None,
            "refuse or allow: what becomes of tools without a rule, once one tool has one; refuse unless set",
            "",
            None,
        ),
    ),
    (
        Level::Resource,
        Setting::new(
            ("limit", "limit"),
            None,
            "one `[[resource.limit]]` for each limit of how much callers may do; [their keys](limits.md)",
            "",
            None,
        ),
    ),
    (
        Level::Resource,
        Setting::new(
            ("costs", "costs"),
            None,
            "a table `[resource.costs]` of MCP tool names, each with what a call costs where limits count it: \"export_*\" = 10",
            "",
            None,
        ),
    ),
    (
        Level::Resource,
        Setting::new(
            ("issuer", "issuer"),
            None,
            "one `[[resource.issuer]]` for each trusted issuer, when there are several",
            "",
            None,
        ),
    ),
];

/// The setting with this key.
pub(super) fn setting(key: &'static str) -> &'static Setting {
    let in_file = || FILE_ONLY.iter().find(|(_, setting)| setting.key == key);
    match variable(key) {
        Some(variable) => variable.setting,
        None => in_file().map_or_else(
            || unreachable!("every key that we read is in one of the tables: {key}"),
            |(_, setting)| setting,
        ),
    }
}

/// Reads the text of a file; `None` when it is no TOML, so that nobody can tell what it sets.
pub(super) fn parse(path: &Path, text: &str, mistakes: &mut Mistakes) -> Option<Sections> {
    let document = Document::new(path, text);
    let table = document.table(mistakes)?;
    let reader = Reader {
        document: &document,
    };
    Some(reader.top(&table, mistakes))
}

/// Reads the text of a file that only says who may do what.
pub(super) fn parse_policy(path: &Path, text: &str, mistakes: &mut Mistakes) -> Option<PolicyFile> {
    let document = Document::new(path, text);
    let table = document.table(mistakes)?;
    let reader = Reader {
        document: &document,
    };
    if table.is_empty() {
        policy::add_open(document.place(0), "nothing stands in it", mistakes);
    }
    let mut file = PolicyFile::default();
    for entry in &table {
        match entry.0.get_ref().as_ref() {
            key if policy::TABLES.contains(&key) => {
                reader.policy_table(entry, &mut file.tables, mistakes);
            }
            UNLISTED_TOOLS => {
                let expected = expected_for(UNLISTED_TOOLS);
                file.unlisted_tools = reader.given(entry, UNLISTED_TOOLS, expected, mistakes);
            }
            key => reader.unknown(entry, in_policy_file(key), mistakes),
        }
    }
    Some(file)
}

/// What a policy file says.
#[derive(Default)]
pub(super) struct PolicyFile {
    pub(super) tables: TablesGiven,
    pub(super) unlisted_tools: Option<Given>,
}

/// The one key of a policy that is no table.
pub(super) const UNLISTED_TOOLS: &str = "unlisted_tools";

fn in_policy_file(wrong: &str) -> String {
    let known = policy::TABLES.iter().copied().chain([UNLISTED_TOOLS]);
    match nearest(wrong, known) {
        Some(meant) => format!("`{meant}`, if that is what you mean; otherwise remove it"),
        None => "`[[rule]]`, `[scope_hierarchy]`, `[tools]` and `unlisted_tools`, nothing else in a policy file".to_owned(),
    }
}

struct Reader<'a> {
    document: &'a Document<'a>,
}

type Entry<'a, 'i> = (
    &'a Spanned<std::borrow::Cow<'i, str>>,
    &'a Spanned<DeValue<'i>>,
);

impl Reader<'_> {
    fn place(&self, offset: usize) -> String {
        self.document.place(offset)
    }

    fn top(&self, table: &DeTable<'_>, mistakes: &mut Mistakes) -> Sections {
        let mut sections = Sections::default();
        for entry in table {
            if entry.0.get_ref() == "resource" {
                sections.resources =
                    self.tables("resource", entry.1, mistakes, |table, mistakes| {
                        self.resource(table, mistakes)
                    });
            } else {
                self.value(entry, &[Level::Gate], &mut sections.gate, mistakes);
            }
        }
        sections
    }

    fn resource(&self, table: &DeTable<'_>, mistakes: &mut Mistakes) -> Section {
        let mut section = Section::default();
        for entry in table {
            match entry.0.get_ref().as_ref() {
                key if policy::TABLES.contains(&key) => {
                    self.policy_table(entry, &mut section.tables, mistakes);
                }
                key if limits::TABLES.contains(&key) => {
                    self.limit_table(entry, &mut section.limits, mistakes);
                }
                "issuer" => {
                    section.issuers =
                        self.tables("resource.issuer", entry.1, mistakes, |table, mistakes| {
                            self.issuer(table, mistakes)
                        });
                }
                _ => self.value(
                    entry,
                    &[Level::Resource, Level::Issuer],
                    &mut section,
                    mistakes,
                ),
            }
        }
        section
    }

    /// One of the tables that say who may do what.
    fn policy_table(
        &self,
        (key, value): Entry<'_, '_>,
        tables: &mut TablesGiven,
        mistakes: &mut Mistakes,
    ) {
        let origin = self.document.origin(key.span().start);
        match key.get_ref().as_ref() {
            "rule" => tables.rules = policy::rules(self.document, value, mistakes),
            "scope_hierarchy" => {
                tables.hierarchy = policy::hierarchy(self.document, value, mistakes);
            }
            _ => tables.tools = self.tools(value, mistakes),
        }
        let written = policy::TABLES.iter().find(|table| *table == key.get_ref());
        tables.written.extend(written.map(|table| (*table, origin)));
    }

    /// One of the tables that say how much callers may do.
    fn limit_table(
        &self,
        (key, value): Entry<'_, '_>,
        given: &mut LimitsGiven,
        mistakes: &mut Mistakes,
    ) {
        let is_whole = match key.get_ref().as_ref() {
            "limit" => {
                let (limits, is_whole) = limits::limits(self.document, value, mistakes);
                given.limits = limits;
                is_whole
            }
            _ => {
                let (costs, is_whole) = limits::costs(self.document, value, mistakes);
                given.costs = costs;
                is_whole
            }
        };
        given.is_broken |= !is_whole;
    }

    fn issuer(&self, table: &DeTable<'_>, mistakes: &mut Mistakes) -> Section {
        let mut section = Section::default();
        for entry in table {
            self.value(entry, &[Level::Issuer], &mut section, mistakes);
        }
        section
    }

    fn tables(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        mistakes: &mut Mistakes,
        read: impl Fn(&DeTable<'_>, &mut Mistakes) -> Section,
    ) -> Vec<Section> {
        let Some(array) = value.get_ref().as_array() else {
            mistakes.add(
                self.place(value.span().start),
                None,
                format!("`{name}` is one table"),
                format!("`[[{name}]]` with double brackets, also for a single one"),
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for element in array {
            match element.get_ref().as_table() {
                Some(table) => sections.push(Section {
                    place: format!("{}: [[{name}]]", self.place(element.span().start)),
                    ..read(table, mistakes)
                }),
                None => mistakes.add(
                    self.place(element.span().start),
                    None,
                    format!("`{name}` holds something that is no table"),
                    format!("`[[{name}]]`"),
                ),
            }
        }
        sections
    }

    fn tools(&self, value: &Spanned<DeValue<'_>>, mistakes: &mut Mistakes) -> Vec<(String, Given)> {
        let Some(table) = value.get_ref().as_table() else {
            mistakes.add(
                self.place(value.span().start),
                None,
                "`tools` is no table",
                "`[resource.tools]` with lines such as delete = [\"tools:write\"]",
            );
            return Vec::new();
        };
        if table.is_empty() {
            let place = self.place(value.span().start);
            policy::add_open(format!("{place}: tools"), "an empty table", mistakes);
        }
        let mut tools = Vec::new();
        for entry in table {
            let name = entry.0.get_ref().to_string();
            if let Some(given) = self.given(
                entry,
                &format!("tools.{name}"),
                "a list of scopes, for example [\"tools:write\"]",
                mistakes,
            ) {
                tools.push((name, given));
            }
        }
        tools
    }

    fn value(
        &self,
        entry: Entry<'_, '_>,
        levels: &[Level],
        section: &mut Section,
        mistakes: &mut Mistakes,
    ) {
        let key = entry.0.get_ref().as_ref();
        let Some(known) = keys_of(levels).find(|known| *known == key) else {
            self.unknown(entry, suggestion(key, levels), mistakes);
            return;
        };
        let expected = expected_for(known);
        let Some(given) = self.given(entry, known, expected, mistakes) else {
            return;
        };
        match VARIABLES
            .iter()
            .find(|variable| variable.key_in_file() == known)
        {
            Some(variable) if variable.secret.is_some() => {
                if let Some(secret) = self.secret(given, mistakes) {
                    section.overlay(variable.key, secret);
                }
            }
            _ => section.overlay(known, given),
        }
    }

    fn unknown(&self, (key, _): Entry<'_, '_>, expected: String, mistakes: &mut Mistakes) {
        let label = format!("{}: {}", self.place(key.span().start), shown(key.get_ref()));
        mistakes.add(
            label,
            None,
            "there is no setting of this name here",
            expected,
        );
    }

    /// What stands in the file that a key names; its path is relative to the configuration's.
    fn secret(&self, given: Given, mistakes: &mut Mistakes) -> Option<Given> {
        let Words::One(name) = &given.words else {
            mistakes.add(given.label(), None, "a list", "the path of one file");
            return None;
        };
        let directory = self.document.path.parent().unwrap_or(Path::new(""));
        let path = directory.join(name);
        secret::out_of_file(given, &path, mistakes)
    }

    fn given(
        &self,
        (key, value): Entry<'_, '_>,
        setting: &str,
        expected: &str,
        mistakes: &mut Mistakes,
    ) -> Option<Given> {
        let origin = self.document.origin(key.span().start);
        let setting = setting.to_owned();
        match words(value.get_ref()) {
            Some(words) => Some(Given {
                setting,
                words,
                origin,
                is_secret: false,
            }),
            None => {
                mistakes.add(
                    format!("{origin}: {setting}"),
                    None,
                    format!(
                        "a TOML {} cannot be this setting",
                        value.get_ref().type_str()
                    ),
                    expected,
                );
                None
            }
        }
    }
}

/// Text, whole numbers and booleans as text; lists of text.
fn words(value: &DeValue<'_>) -> Option<Words> {
    match value {
        DeValue::Array(elements) => {
            let texts: Option<Vec<_>> = elements
                .iter()
                .map(|element| element.get_ref().as_str().map(str::to_owned))
                .collect();
            texts.map(Words::Many)
        }
        DeValue::String(text) => Some(Words::One(text.to_string())),
        DeValue::Integer(number) if number.radix() == 10 => {
            Some(Words::One(number.as_str().to_owned()))
        }
        DeValue::Boolean(flag) => Some(Words::One(flag.to_string())),
        _ => None,
    }
}

/// The keys that may stand in a table of these levels.
pub(super) fn keys_of(levels: &[Level]) -> impl Iterator<Item = &'static str> {
    let of_variables = VARIABLES
        .iter()
        .filter(|variable| levels.contains(&variable.level))
        .map(|variable| variable.key_in_file());
    of_variables.chain(
        FILE_ONLY
            .iter()
            .filter(|(level, _)| levels.contains(level))
            .map(|(_, setting)| setting.key),
    )
}

fn expected_for(key: &'static str) -> &'static str {
    let of_secret = VARIABLES
        .iter()
        .any(|variable| variable.secret.is_some_and(|file| file.key == key));
    if of_secret {
        return "the path of a file that holds the secret";
    }
    setting(key).expected
}

/// What an unknown key probably should have been: a variable's name, a key of another table, or a slip.
fn suggestion(wrong: &str, levels: &[Level]) -> String {
    let secret = VARIABLES
        .iter()
        .find_map(|variable| (variable.key == wrong).then_some(variable.secret?));
    if let Some(file) = secret {
        return format!(
            "`{}`, the path of a file that holds it: no secret stands in the configuration",
            file.key
        );
    }
    let elsewhere = VARIABLES.iter().find(|variable| {
        variable.name == wrong || (variable.key == wrong && !levels.contains(&variable.level))
    });
    let in_other_table = FILE_ONLY
        .iter()
        .find(|(level, setting)| setting.key == wrong && !levels.contains(level));
    if let Some((level, setting)) = in_other_table {
        return format!("`{}`, {}", setting.key, table_of(*level));
    }
    match (elsewhere, nearest(wrong, keys_of(levels))) {
        (Some(variable), _) if variable.level == Level::Process => format!(
            "the variable {} instead; a file cannot say this",
            variable.name
        ),
        (Some(variable), _) if levels.contains(&variable.level) => {
            variable.key_in_file().to_owned()
        }
        (Some(variable), _) => {
            let key = variable.key_in_file();
            format!("`{key}`, {}", table_of(variable.level))
        }
        (None, Some(meant)) => format!("`{meant}`, if that is what you mean; otherwise remove it"),
        (None, None) => "only keys that `oauthgate config reference` prints; remove it".to_owned(),
    }
}

fn table_of(level: Level) -> &'static str {
    match level {
        Level::Gate | Level::Process => "at the top of the file, before the first `[[resource]]`",
        Level::Resource | Level::Issuer => "below `[[resource]]`",
    }
}
