//! The command line; `cargo xtask bench speed` fills in the paths.

use std::{
    env, io,
    path::{self, PathBuf},
};

use clap::{Parser, ValueEnum};

use crate::contender::Parts;

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What one validation costs, beside other libraries
    Library,
    /// What a token costs that was verified before, and allocations
    Tokens,
    /// Processor time of a request, beside nginx, hyper, HAProxy, Envoy and our predecessor
    Gate,
    /// What clients wait at half of the load that saturates
    Latency,
    /// Resident memory, idle and for each stream and token, and how long a start takes
    Memory,
}

impl Part {
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Measures how fast the gate is, side by side with others. Run it by `cargo xtask bench speed`.
#[derive(Debug, Parser)]
#[command(name = "oauthgate-bench-speed")]
pub(crate) struct Options {
    /// Short turns: to see whether it works, not to quote
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Interleaved turns of each contender
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=99))]
    pub(crate) rounds: Option<u16>,
    /// Writes the report to this file too, in place of the last one if there is one in it
    #[arg(long)]
    pub(crate) markdown: Option<PathBuf>,
    /// `oauthgate` of a release build
    #[arg(long)]
    oauthgate: PathBuf,
    /// Node, with jose and fast-jwt
    #[arg(long)]
    node: Option<PathBuf>,
    /// Python with PyJWT, uvicorn and Starlette
    #[arg(long)]
    python: Option<PathBuf>,
    #[arg(long)]
    nginx: Option<PathBuf>,
    #[arg(long)]
    haproxy: Option<PathBuf>,
    #[arg(long)]
    envoy: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parts_to_measure(&self) -> impl Iterator<Item = Part> {
        let all = Part::value_variants().iter().copied();
        all.filter(|part| self.only.is_empty() || self.only.contains(part))
    }

    /// With absolute paths, for each contender runs in a directory of its own.
    pub(crate) fn parts(&self) -> io::Result<Parts> {
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(path::absolute).transpose();
        let me = env::current_exe()?;
        Ok(Parts {
            oauthgate: path::absolute(&self.oauthgate)?,
            bare: me.with_file_name("oauthgate-bench-bare"),
            allocations: me.with_file_name("oauthgate-bench-allocations"),
            node: absolute(&self.node)?,
            python: absolute(&self.python)?,
            nginx: absolute(&self.nginx)?,
            haproxy: absolute(&self.haproxy)?,
            envoy: absolute(&self.envoy)?,
        })
    }

    /// The command as a person would type it.
    pub(crate) fn command(&self) -> String {
        let only: Vec<_> = self.only.iter().map(|part| part.name()).collect();
        let words = [
            Some("cargo xtask bench speed".to_owned()),
            self.quick.then(|| "--quick".to_owned()),
            self.rounds.map(|rounds| format!("--rounds {rounds}")),
            (!only.is_empty()).then(|| format!("--only {}", only.join(","))),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}
