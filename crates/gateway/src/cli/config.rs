//! `oauthgate config check|show|reference`.

use clap::{Args, Subcommand};
use oauthgate_remote::ConfigurationError;
use serde_json::json;

use super::{Failure, output, sources::SourceOptions};
use crate::config::{Environment, json, reference, table};

/// What to do with the configuration.
#[derive(Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Report every mistake at once; exit 0 when there is none, 1 otherwise
    Check(Reading),
    /// Print what holds in the end, and who said so; credentials are redacted
    Show(Reading),
    /// Print what every setting means, as a page of Markdown
    Reference,
}

#[derive(Debug, Args)]
struct Reading {
    #[command(flatten)]
    sources: SourceOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    /// Reads the configuration and reports on it.
    ///
    /// # Errors
    /// `check`: that there are mistakes, with exit code 1. `show`: the mistakes, with exit code 78.
    pub fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Check(reading) => reading.check(),
            Action::Show(reading) => reading.show(),
            Action::Reference => output::data(&reference::environment()),
        }
    }
}

impl Reading {
    fn check(self) -> Result<(), Failure> {
        let loaded = self.sources.over(Environment::of_process()).load();
        if self.json {
            let mistakes = loaded.as_ref().err().map(mistakes).unwrap_or_default();
            let (warnings, presets) = loaded
                .as_ref()
                .map(|loaded| (&loaded.warnings[..], &loaded.presets[..]))
                .unwrap_or_default();
            output::data(&format!(
                "{}\n",
                json!({ "ok": loaded.is_ok(), "mistakes": mistakes, "warnings": warnings, "presets": presets })
            ))?;
        }
        let loaded = loaded.map_err(Failure::run)?;
        for warning in &loaded.warnings {
            anstream::eprintln!("warning: {warning}");
        }
        for preset in &loaded.presets {
            anstream::eprintln!("{preset}");
        }
        anstream::eprintln!(
            "the configuration is good: {} resource(s)",
            loaded.settings.resources.len()
        );
        Ok(())
    }

    fn show(self) -> Result<(), Failure> {
        let loaded = self.sources.over(Environment::of_process()).load()?;
        let text = if self.json {
            json(&loaded.effective)
        } else {
            table(&loaded.effective)
        };
        output::data(&text)
    }
}

fn mistakes(error: &ConfigurationError) -> Vec<serde_json::Value> {
    let mistake = |mistake: &oauthgate_remote::error::Mistake| {
        json!({
            "setting": mistake.setting,
            "value": mistake.value,
            "problem": mistake.problem,
            "expected": mistake.expected,
        })
    };
    error.mistakes.iter().map(mistake).collect()
}
