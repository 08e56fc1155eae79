//! What holds in the end, and who said so: `config show`.

use std::fmt::Write;

use serde::{Serialize, Serializer};

use super::given::Origin;

/// A setting, its value for the eyes of an operator, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// The setting, for example `listen` or `resource.mcp.audience`.
    pub name: String,
    /// Its value; credentials are redacted.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The settings as a table for people.
#[must_use]
pub fn table(settings: &[Effective]) -> String {
    let width = |text: fn(&Effective) -> &str| {
        settings
            .iter()
            .map(|setting| text(setting).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (names, values) = (
        width(|setting| &setting.name),
        width(|setting| &setting.value).min(60),
    );
    settings.iter().fold(
        String::new(),
        |mut table,
         Effective {
             name,
             value,
             origin,
         }| {
            let _ = writeln!(table, "{name:names$}  {value:values$}  {origin}");
            table
        },
    )
}

/// The settings as JSON for machines.
#[must_use]
pub fn json(settings: &[Effective]) -> String {
    let mut text = serde_json::json!({ "settings": settings }).to_string();
    text.push('\n');
    text
}
