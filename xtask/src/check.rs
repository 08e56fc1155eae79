//! Everything about form: formatting, lints, documentation, dependencies; and what a token costs.

use std::path::PathBuf;

use clap::Args;

use crate::{
    command::{self, Outcome, cargo, parts, program, works},
    counts,
};

/// The version that reads our `deny.toml`.
const CARGO_DENY: &str = "0.20.2";

/// What to do with what is found.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Count instructions and allocations, write them down as expected from now on, and check nothing
    #[arg(long)]
    accept_counts: bool,
}

/// `cargo xtask check`: stops at the first thing that is wrong.
pub(crate) fn run(options: &Options) -> Outcome {
    if options.accept_counts {
        return counts::run(true);
    }
    command::run(
        cargo(&["fmt", "--all", "--check"]),
        "Run `cargo fmt --all`.",
    )?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    command::run(
        cargo(&clippy),
        "Fix what clippy says, or `#[expect(…, reason = \"…\")]` it.",
    )?;
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    command::run(documentation, "Fix the links and the documents above.")?;
    dependencies()?;
    counts::run(false)?;
    anstream::println!(
        "check: formatting, lints, documentation, dependencies and counts are in order"
    );
    Ok(())
}

/// Bans, licences and sources (`deny.toml`).
fn dependencies() -> Outcome {
    let arguments = ["check", "bans", "licenses", "sources"];
    let next_step = "`deny.toml` says what is allowed and why.";
    if works("cargo", &["deny", "--version"]) {
        return command::run(
            cargo(&[&["deny"], arguments.as_slice()].concat()),
            next_step,
        );
    }
    let installed = own_cargo_deny();
    if !installed.exists() {
        let root = parts().join("cargo-deny").to_string_lossy().into_owned();
        let install = [
            "install",
            "cargo-deny",
            "--locked",
            "--version",
            CARGO_DENY,
            "--root",
            &root,
        ];
        command::run(
            cargo(&install),
            "It is needed once, and takes some minutes to build.",
        )?;
    }
    command::run(program(installed, &arguments), next_step)
}

fn own_cargo_deny() -> PathBuf {
    parts().join("cargo-deny/bin/cargo-deny")
}
