//! A provider's page, read as a person reads it: the variables to set, the example of a token, the headers that
//! are promised.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::parts::workspace_root;

/// The sections of every page, in their order.
pub const SECTIONS: [&str; 7] = [
    "Console",
    "Variables",
    "The token",
    "Who is calling",
    "Usual mistakes",
    "How MCP clients register there",
    "Try it without an account",
];

/// A page below `docs/providers`.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its file's name, which is the preset's.
    pub preset: String,
    text: String,
}

/// The example of a token: what a JWT says, or what introspection answers about an opaque one.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The header; none for an opaque token.
    pub header: Option<Value>,
    /// The claims, or the answer.
    pub claims: Value,
}

/// A header that the page promises, and the claims that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// Such as `X-Auth-Request-User`.
    pub header: String,
    /// Pointers; none if the header never comes.
    pub claims: Vec<String>,
    /// Whether all that are present count together, and not the first alone.
    pub together: bool,
}

impl Page {
    /// The page of this preset.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn named(preset: &str) -> Self {
        let file = format!("docs/providers/{preset}.md");
        let text = fs::read_to_string(workspace_root().join(&file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        Self {
            preset: preset.to_owned(),
            text,
        }
    }

    /// The presets that have a page.
    ///
    /// # Panics
    /// When the folder cannot be read.
    #[must_use]
    pub fn presets() -> BTreeSet<String> {
        let folder = workspace_root().join("docs/providers");
        let files = fs::read_dir(folder).expect("a folder of pages");
        files
            .map(|file| file.expect("an entry").file_name())
            .filter_map(|name| name.to_str()?.strip_suffix(".md").map(str::to_owned))
            .filter(|name| name != "README")
            .collect()
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The titles of its sections.
    #[must_use]
    pub fn sections(&self) -> Vec<&str> {
        let titles = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("## "));
        titles.collect()
    }

    /// The text below a section's title.
    ///
    /// # Panics
    /// When there is no such section.
    #[must_use]
    pub fn section(&self, title: &str) -> &str {
        let start = format!("\n## {title}\n");
        let (_, rest) = self
            .text
            .split_once(&start)
            .unwrap_or_else(|| panic!("{}: no section {title:?}", self.preset));
        rest.split_once("\n## ")
            .map_or(rest, |(section, _)| section)
    }

    /// What to set: one environment for each block, and one block for each of [`Self::emulations`].
    #[must_use]
    pub fn variables(&self) -> Vec<Vec<(String, String)>> {
        let blocks = blocks(self.section("Variables"), "sh");
        blocks.iter().map(|block| assignments(block)).collect()
    }

    /// The emulations that the page names, one for each block of variables.
    #[must_use]
    pub fn emulations(&self) -> Vec<String> {
        let lines = self.section("Try it without an account").lines();
        lines
            .filter_map(|line| line.strip_prefix("oauthgate dev-issuer --emulate "))
            .map(|name| name.trim().to_owned())
            .collect()
    }

    /// The first example of a token.
    ///
    /// # Panics
    /// When there is none, or it is no JSON.
    #[must_use]
    pub fn example(&self) -> Example {
        let blocks = blocks(self.section("The token"), "json");
        let mut blocks = blocks.iter().map(|block| {
            serde_json::from_str(block)
                .unwrap_or_else(|error| panic!("{}: {error} in {block}", self.preset))
        });
        let first = blocks.next().expect("an example of a token");
        match blocks.next() {
            Some(claims) => Example {
                header: Some(first),
                claims,
            },
            None => Example {
                header: None,
                claims: first,
            },
        }
    }

    /// The headers that the page promises to the upstream.
    #[must_use]
    pub fn promises(&self) -> Vec<Promise> {
        let rows = self.section("Who is calling").lines();
        rows.filter_map(|row| {
            let mut cells = row.strip_prefix("| `X-")?.split('|');
            let header = format!("X-{}", cells.next()?.trim().trim_end_matches('`'));
            let claims = cells.next()?;
            Some(Promise {
                header,
                claims: quoted(claims),
                together: claims.contains("` and `"),
            })
        })
        .collect()
    }
}

/// The fenced blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match &mut open {
            None if line == format!("```{language}") => open = Some(String::new()),
            None => {}
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    blocks
}

/// `NAME=value` lines as a shell reads them, as far as the pages go: comments, double quotes, `export`.
fn assignments(block: &str) -> Vec<(String, String)> {
    let lines = block.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let line = line.strip_prefix("export ").unwrap_or(line);
            let (name, value) = line.split_once('=').expect("NAME=value");
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-+.,:/@%{}".contains(c);
            let value = match value
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
            {
                Some(inner) => inner,
                None => value,
            };
            assert!(
                value.chars().all(|c| plain(c) || c == ' '),
                "a shell would read {value:?} otherwise"
            );
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// What stands in backticks.
fn quoted(cell: &str) -> Vec<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page {
            preset: "some".to_owned(),
            text: "# Some\n\n## Variables\n\n```sh\nA=1\n# why\nexport B=\"2 3\"\n```\ntext\n\n\
                   ## The token\n\n```json\n{\"alg\": \"RS256\"}\n```\n```json\n{\"sub\": \"a\"}\n```\n\n\
                   ## Who is calling\n\n| Header | Claim |\n|---|---|\n| `X-A` | `/a`, else `/b` |\n| `X-B` | never |\n| `X-C` | `/a` and `/b` |\n\n\
                   ## Try it without an account\n\n```sh\noauthgate dev-issuer --emulate some\n```\n"
                .to_owned(),
        }
    }

    #[test]
    fn reads_what_a_person_reads() {
        let page = page();
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            page.variables(),
            [[variable("A", "1"), variable("B", "2 3")]]
        );
        let example = page.example();
        assert_eq!(example.header.expect("a header")["alg"], "RS256");
        assert_eq!(example.claims["sub"], "a");
        let promise = |header: &str, claims: &[&str], together| Promise {
            header: header.to_owned(),
            claims: claims.iter().copied().map(str::to_owned).collect(),
            together,
        };
        let expected = [
            promise("X-A", &["/a", "/b"], false),
            promise("X-B", &[], false),
            promise("X-C", &["/a", "/b"], true),
        ];
        assert_eq!(page.promises(), expected);
        assert_eq!(page.emulations(), ["some"]);
        assert_eq!(page.sections().len(), 4);
    }
}
