//! Runs every test there is and says what it ran.

use std::{
    io::{self, BufRead, BufReader},
    time::Instant,
};

use clap::Args;

use crate::{
    command::{self, Outcome, cargo},
    setup, versions,
};

/// What to run. Without anything: everything.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Passed on to `cargo test`, for example `-p oauthgate-core` or a part of a test's name
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CARGO TEST ARGUMENTS"
    )]
    cargo_test: Vec<String>,
}

/// `cargo xtask test`.
pub(crate) fn run(options: &Options) -> Outcome {
    setup::run()?;
    // One build of everything, binaries included: the end-to-end tests start them as users do.
    let build = [
        "build",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--examples",
        "--locked",
    ];
    command::run(cargo(&build), "The compiler's message above says where.")?;
    versions::print()?;
    let begin = Instant::now();
    let summary = cargo_test(&options.cargo_test)?;
    summary.print(begin);
    if summary.failed == 0 && summary.cargo_succeeded {
        Ok(())
    } else {
        Err("some tests failed".to_owned())
    }
}

/// What the lines of `cargo test` added up to.
#[derive(Debug, Default)]
struct Summary {
    passed: usize,
    failed: usize,
    ignored: usize,
    /// Each test binary or crate with doctests, and its counts.
    suites: Vec<(String, usize, usize)>,
    cargo_succeeded: bool,
}

impl Summary {
    /// Reads one line of output.
    fn read(&mut self, line: &str, suite: &mut String) {
        let line = line.trim();
        if let Some(name) = suite_name(line) {
            *suite = name;
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            let (passed, failed) = (count(counts, "passed"), count(counts, "failed"));
            self.passed += passed;
            self.failed += failed;
            self.ignored += count(counts, "ignored");
            self.suites.push((suite.clone(), passed, failed));
        }
    }

    fn print(&self, begin: Instant) {
        anstream::println!("\nRan in {} s:", begin.elapsed().as_secs());
        for (suite, passed, failed) in self
            .suites
            .iter()
            .filter(|(_, passed, failed)| passed + failed > 0)
        {
            anstream::println!("  {suite:<56} {passed:>5} passed {failed:>3} failed");
        }
        if self.ignored > 0 {
            anstream::println!("  {} ignored", self.ignored);
        }
        anstream::println!("{} passed, {} failed", self.passed, self.failed);
    }
}

/// `Running unittests src/lib.rs (target/debug/deps/oauthgate_core-0123)` or `Doc-tests oauthgate_core`.
fn suite_name(line: &str) -> Option<String> {
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{name} (documentation)"));
    }
    let binary = line.strip_prefix("Running ")?.rsplit_once("deps/")?.1;
    let name = binary
        .trim_end_matches(')')
        .rsplit_once('-')
        .map_or(binary, |(name, _)| name);
    Some(name.to_owned())
}

/// The number before a word in `ok. 12 passed; 0 failed; …`.
fn count(text: &str, word: &str) -> usize {
    let words: Vec<_> = text
        .split([' ', ';', '.'])
        .filter(|word| !word.is_empty())
        .collect();
    words
        .windows(2)
        .find(|pair| pair[1] == word)
        .and_then(|pair| pair[0].parse().ok())
        .unwrap_or(0)
}

fn cargo_test(arguments: &[String]) -> Outcome<Summary> {
    let chosen = arguments
        .iter()
        .any(|argument| argument == "-p" || argument.starts_with("--package"));
    // One pipe for both streams keeps cargo's "Running …" before the results of what ran.
    let pipe = || io::pipe().and_then(|(reader, writer)| Ok((reader, writer.try_clone()?, writer)));
    let (reader, stdout, stderr) = pipe().map_err(|error| format!("no pipe: {error}"))?;
    let mut command = cargo(&["test", "--locked", "--no-fail-fast"]);
    command
        .args((!chosen).then_some("--workspace"))
        .args(arguments)
        .env("RUST_BACKTRACE", "0")
        .stdout(stdout)
        .stderr(stderr);
    let mut child = command
        .spawn()
        .map_err(|error| format!("`cargo test` cannot be started: {error}"))?;
    drop(command); // and with it our own ends of the pipe, or its end would never come
    let mut summary = Summary::default();
    let mut suite = "tests".to_owned();
    for line in BufReader::new(reader).lines().map_while(Result::ok) {
        anstream::println!("{line}");
        summary.read(&line, &mut suite);
    }
    let status = child
        .wait()
        .map_err(|error| format!("`cargo test` cannot be waited for: {error}"))?;
    summary.cargo_succeeded = status.success();
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_what_cargo_test_prints() {
        let mut summary = Summary::default();
        let mut suite = String::new();
        for line in [
            "     Running unittests src/lib.rs (target/debug/deps/oauthgate_core-0a1b2c)",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "   Doc-tests oauthgate_core",
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            summary.read(line, &mut suite);
        }
        assert_eq!(
            (summary.passed, summary.failed, summary.ignored),
            (14, 3, 1)
        );
        assert_eq!(summary.suites[0].0, "oauthgate_core");
        assert_eq!(summary.suites[1].0, "oauthgate_core (documentation)");
    }
}
