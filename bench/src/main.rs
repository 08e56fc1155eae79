//! What one validation costs, side by side in one run: the raw signature check of `aws-lc-rs`, our full
//! validation, and the full validation of `jsonwebtoken`.
//!
//! The contenders take turns in every round, so that whatever else the machine does hits all of them.
//! Read the ratios; absolute times belong to the machine.

mod contenders;
mod measure;
mod token;

use std::process::ExitCode;

use contenders::{Jsonwebtoken, OAuthGate, RawSignature};
use measure::interleave;
use token::{Fixture, Kind};

/// Rounds when nothing else is asked for.
const ROUNDS: usize = 60;

#[expect(
    clippy::print_stdout,
    reason = "the figures are what this program is for"
)]
fn main() -> ExitCode {
    let rounds = match rounds() {
        Ok(rounds) => rounds,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    println!(
        "{rounds} rounds, microseconds per token: minimum / median (ratio of minima to the raw signature check)\n"
    );
    println!(
        "{:<8} {:>6}  {:>24} {:>30} {:>30}",
        "", "bytes", "aws-lc-rs, raw", "OAuthGate, full", "jsonwebtoken, full"
    );
    for kind in Kind::ALL {
        let fixture = Fixture::new(kind);
        let raw = RawSignature::new(&fixture);
        let ours = OAuthGate::new(&fixture);
        let theirs = Jsonwebtoken::new(&fixture);
        let mut verify = || raw.verify();
        let mut validate = || ours.validate();
        let mut decode = || theirs.validate();
        let contenders: [&mut dyn FnMut(); 3] = [&mut verify, &mut validate, &mut decode];
        let [raw, ours, theirs] = interleave(rounds, contenders);
        println!(
            "{:<8} {:>6}  {:>24} {:>30} {:>30}",
            kind.name(),
            fixture.token.len(),
            raw.plain(),
            ours.beside(&raw),
            theirs.beside(&raw)
        );
    }
    ExitCode::SUCCESS
}

/// `--rounds N`.
fn rounds() -> Result<usize, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(ROUNDS),
        ["--rounds", count] => count
            .parse()
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| format!("--rounds wants a number from 1, not {count}")),
        _ => Err("usage: oauthgate-bench [--rounds N]".to_owned()),
    }
}
