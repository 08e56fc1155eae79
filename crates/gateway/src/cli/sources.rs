//! The flags that say where settings come from.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Environment, Sources};

/// Flags shared by the commands that read the configuration. Every other setting is a variable or a key
/// of the file; these are the ones that people try at a prompt.
#[derive(Debug, Args)]
pub struct SourceOptions {
    /// The configuration file [default: ./oauthgate.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where traffic comes in [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where probes and metrics are answered [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// The server behind the gate
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// How log lines look: json or pretty [default: json]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl SourceOptions {
    /// These flags over the given environment and the file.
    #[must_use]
    pub fn over(self, environment: Environment) -> Sources {
        let flags = [
            ("listen", self.listen),
            ("admin_listen", self.admin_listen),
            ("upstream", self.upstream),
            ("log_format", self.log_format),
        ];
        Sources {
            flags: flags
                .into_iter()
                .filter_map(|(key, text)| Some((key, text?)))
                .collect(),
            config: self.config,
            environment,
            directory: PathBuf::from("."),
        }
    }
}
