//! From the sources to the settings.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use oauthgate_remote::ConfigurationError;

use super::{
    checks,
    effective::Effective,
    env::{Environment, Level, Variable, variable},
    file,
    given::{Given, Mistakes, Origin, Words},
    resolve,
    section::{Section, Sections},
    settings::Settings,
    trust,
};

/// Where settings may come from, in the order of precedence.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Flags of the command line: the setting's key and the text.
    pub flags: Vec<(&'static str, String)>,
    /// The file that a flag names.
    pub config: Option<PathBuf>,
    /// The variables of the process.
    pub environment: Environment,
    /// Where the file is looked for when nobody names one.
    pub directory: PathBuf,
}

/// A configuration without mistakes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Every setting with its origin, for `config show`.
    pub effective: Vec<Effective>,
    /// What is legal and risky, to be said once at start.
    pub warnings: Vec<String>,
    /// Which preset each issuer's tokens are read with, and why.
    pub presets: Vec<String>,
}

/// A file of settings has no business being larger.
const LARGEST_FILE: u64 = 1024 * 1024;

impl Sources {
    /// Reads everything, merges it, and checks it.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn load(&self) -> Result<Loaded, ConfigurationError> {
        let mut mistakes = Mistakes::default();
        let given = self.environment.given(&mut mistakes);
        let Some(mut sections) = self.file(&given, &mut mistakes) else {
            return Err(mistakes.into_error());
        };
        merge(&mut sections, given, &mut mistakes);
        merge(&mut sections, self.given_by_flags(), &mut mistakes);
        let resolved = resolve::resolve(&sections, &self.environment, &mut mistakes);
        let settings = resolved.settings.as_ref();
        let warnings = settings.map_or_else(Vec::new, |settings| {
            checks::check(settings, resolved.is_complete, &mut mistakes)
        });
        match resolved.settings {
            Some(settings) if mistakes.is_empty() && resolved.is_complete => Ok(Loaded {
                presets: trust::presets(&settings.resources),
                settings,
                effective: resolved.effective,
                warnings,
            }),
            _ => Err(mistakes.into_error()),
        }
    }

    /// Reads what concerns the gate itself, from flags and environment: for a command that brings its
    /// own resources. The settings have none.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn load_gate(&self) -> Result<Settings, ConfigurationError> {
        let mut mistakes = Mistakes::default();
        let mut section = Section::default();
        let given = self.environment.given(&mut mistakes);
        for (variable, given) in given.into_iter().chain(self.given_by_flags()) {
            if matches!(variable.level, Level::Gate) {
                section.overlay(variable.key, given);
            }
        }
        match resolve::gate_alone(&section, &mut mistakes) {
            Some(settings) if mistakes.is_empty() => Ok(settings),
            _ => Err(mistakes.into_error()),
        }
    }

    fn given_by_flags(&self) -> Vec<(&'static Variable, Given)> {
        let given = |(key, text): &(&'static str, String)| {
            let setting = format!("--{}", key.replace('_', "-"));
            Some((
                variable(key)?,
                Given {
                    setting,
                    words: Words::One(text.clone()),
                    origin: Origin::Flag,
                    is_secret: false,
                },
            ))
        };
        self.flags.iter().filter_map(given).collect()
    }

    /// The file's sections; empty when nobody names a file and there is none. `None` when there is one that
    /// cannot be read: whatever else seems to be missing may stand in it.
    fn file(
        &self,
        given: &[(&'static Variable, Given)],
        mistakes: &mut Mistakes,
    ) -> Option<Sections> {
        let by_environment = given
            .iter()
            .find(|(variable, _)| variable.key == "config")
            .map(|(_, given)| given);
        let (label, path, named) = match (&self.config, by_environment.map(|given| &given.words)) {
            (Some(path), _) => ("--config", path.clone(), true),
            (None, Some(Words::One(path))) => ("OAUTHGATE_CONFIG", PathBuf::from(path), true),
            (None, _) => (
                file::DEFAULT_NAME,
                self.directory.join(file::DEFAULT_NAME),
                false,
            ),
        };
        match read(&path) {
            Ok(text) => file::parse(&path, &text, mistakes),
            Err(error) if error.kind() == ErrorKind::NotFound && !named => {
                Some(Sections::default())
            }
            Err(error) => {
                mistakes.add(
                    label,
                    Some(&path.to_string_lossy()),
                    format!("the file cannot be read: {error}"),
                    "the path of a readable TOML file",
                );
                None
            }
        }
    }
}

/// The text of a file of settings. A device without end ends here too.
pub(super) fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = File::open(path)?;
    file.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(std::io::Error::new(
            ErrorKind::FileTooLarge,
            "larger than 1 MiB",
        ));
    }
    Ok(text)
}

/// Lays one source over the sections. What belongs to a resource goes to the only one there is, or makes it.
fn merge(sections: &mut Sections, given: Vec<(&'static Variable, Given)>, mistakes: &mut Mistakes) {
    if sections.resources.is_empty() {
        sections.resources.push(Section::default());
    }
    let several = sections.resources.len() > 1;
    for (variable, given) in given {
        match variable.level {
            Level::Process | Level::Gate => sections.gate.overlay(variable.key, given),
            // AWS sets it in every process, whatever the process is.
            _ if several && variable.key == "region" => {}
            Level::Resource | Level::Issuer if several => {
                let problem = format!(
                    "it does not say which of the {} [[resource]] it means",
                    sections.resources.len()
                );
                mistakes.add(
                    given.label(),
                    None,
                    problem,
                    format!(
                        "`{}` below one `[[resource]]`, and the variable not set",
                        variable.key
                    ),
                );
            }
            Level::Resource | Level::Issuer => {
                if let Some(section) = sections.resources.first_mut() {
                    section.overlay(variable.key, given);
                }
            }
        }
    }
}
