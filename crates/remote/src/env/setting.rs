//! One setting: its names, and what people are told about it.

/// A setting by its two names, with what it means.
#[derive(Debug)]
#[non_exhaustive]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The same setting's key in `oauthgate.toml`.
    pub key: &'static str,
    /// What holds when nobody sets it and nothing else says it.
    pub default: Option<&'static str>,
    /// What to write, with an example.
    pub expected: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// The version that brought it.
    pub since: &'static str,
    /// How a file that holds the value is named, if the value is a secret: it is then never shown, and
    /// the configuration file can only name such a file.
    pub secret: Option<SecretFile>,
}

/// A secret's other names: of the file that holds it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SecretFile {
    /// The variable that names the file.
    pub name: &'static str,
    /// The key that names the file in `oauthgate.toml`.
    pub key: &'static str,
}

impl Setting {
    /// A setting out of one row of a table.
    #[must_use]
    pub const fn new(
        names: (&'static str, &'static str),
        default: Option<&'static str>,
        expected: &'static str,
        doc: &'static str,
        secret: Option<SecretFile>,
    ) -> Self {
        let (name, key) = names;
        Self {
            name,
            key,
            default,
            expected,
            doc,
            since: "0.1.0",
            secret,
        }
    }

    /// The key that stands in `oauthgate.toml`.
    #[must_use]
    pub fn key_in_file(&self) -> &'static str {
        self.secret.map_or(self.key, |file| file.key)
    }

    /// The names of the variables that set it.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [Some(self.name), self.secret.map(|file| file.name)]
            .into_iter()
            .flatten()
    }
}

impl SecretFile {
    /// The two names.
    #[must_use]
    pub const fn new(name: &'static str, key: &'static str) -> Self {
        Self { name, key }
    }
}
