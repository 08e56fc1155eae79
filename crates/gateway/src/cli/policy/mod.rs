//! `oauthgate policy explain|test`: what the policy says, asked of the very code that decides in the gate.

mod caller;
mod cases;
mod explain;
mod operation;
pub(crate) mod ruling;
mod test;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};

use super::{Failure, sources::SourceOptions};
use crate::config::{Environment, Loaded, ResourceSettings};

/// What to ask the policy.
#[derive(Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say which rule decides on a request, why, and what the client would be told; exit 0 when it passes, 1 when not
    Explain(Box<explain::Options>),
    /// Hold the policy against a file of cases; exit 0 when all are as expected, 1 when not
    Test(test::Options),
}

impl Options {
    /// Asks.
    ///
    /// # Errors
    /// A refusal, or a case that is not as expected: exit code 1. A question that cannot be understood: 2.
    /// Mistakes in the configuration or in the file of cases: 78.
    pub fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Explain(options) => options.run(),
            Action::Test(options) => options.run(),
        }
    }
}

/// Which resource is meant.
#[derive(Debug, Args)]
struct ResourceOptions {
    #[command(flatten)]
    sources: SourceOptions,
    /// The resource's name, when there are several
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
}

impl ResourceOptions {
    fn settings(self) -> Result<ResourceSettings, Failure> {
        let loaded = self.sources.over(Environment::of_process()).load()?;
        for warning in &loaded.warnings {
            anstream::eprintln!("warning: {warning}");
        }
        chosen(loaded, self.resource.as_deref())
    }
}

fn chosen(loaded: Loaded, name: Option<&str>) -> Result<ResourceSettings, Failure> {
    let mut resources = loaded.settings.resources;
    let names: Vec<_> = resources.iter().map(|one| one.name.clone()).collect();
    let position = match name {
        Some(name) => names.iter().position(|known| known == name),
        None => (names.len() == 1).then_some(0),
    };
    let names = names.join(", ");
    match (position, name) {
        (Some(position), _) => Ok(resources.swap_remove(position)),
        (None, Some(name)) => Err(Failure::usage(format!(
            "there is no resource {name:?}; there are: {names}"
        ))),
        (None, None) => Err(Failure::usage(format!(
            "there are several resources; --resource says which: {names}"
        ))),
    }
}
