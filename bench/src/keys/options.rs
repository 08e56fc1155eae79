//! The command line; `cargo xtask bench keys` fills in the paths.

use std::{
    io,
    path::{self, PathBuf},
};

use clap::Parser;

use crate::{
    contender::{Kind, Parts},
    scenario::Scenario,
};

/// Puts key caches side by side under attack, outage and rotation. Run it by `cargo xtask bench keys`.
#[derive(Debug, Parser)]
#[command(name = "oauthgate-bench-keys")]
pub(crate) struct Options {
    /// Shorter windows and a shorter outage: to see whether it works, not to quote
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these scenarios
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Ours alone
    #[arg(long)]
    alone: bool,
    /// `oauthgate` of a release build
    #[arg(long)]
    oauthgate: PathBuf,
    /// Node, for jose
    #[arg(long)]
    node: PathBuf,
    /// Python with PyJWT, uvicorn and Starlette
    #[arg(long)]
    python: PathBuf,
    /// Envoy, if there is one for this platform
    #[arg(long)]
    envoy: Option<PathBuf>,
}

impl Options {
    /// With absolute paths, for each contender runs in a directory of its own.
    pub(crate) fn parts(&self) -> io::Result<Parts> {
        Ok(Parts {
            oauthgate: path::absolute(&self.oauthgate)?,
            node: path::absolute(&self.node)?,
            python: path::absolute(&self.python)?,
            envoy: self.envoy.as_ref().map(path::absolute).transpose()?,
        })
    }

    /// Who takes part.
    pub(crate) fn contenders(&self, parts: &Parts) -> Vec<Kind> {
        if self.alone {
            vec![Kind::OAuthGate]
        } else {
            parts.contenders()
        }
    }

    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        let all = Scenario::ALL.into_iter();
        all.filter(|scenario| self.only.is_empty() || self.only.contains(scenario))
            .collect()
    }
}
