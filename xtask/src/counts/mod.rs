//! Instructions and allocations of what is done for every token, compared with those kept in the repository.
//!
//! Seconds depend on the machine and on what else it does; instructions hardly do. Counted are functions of Rust
//! alone: the arithmetic of signatures, the allocator and `memcpy` are C, and pick their code by the processor.

mod callgrind;
mod expected;

use std::{fs, path::PathBuf};

use self::{
    callgrind::Counts,
    expected::{Circumstances, Expected},
};
use crate::{
    command::{self, Outcome, cargo, output, parts, program, root, target},
    debian,
};

/// The function of `bench/counts` that does the work; counting begins and ends with it.
const COUNTED: &str = "oauthgate_counts::counted_by_callgrind";

/// Compares, or with `accept` writes down what was counted.
pub(crate) fn run(accept: bool) -> Outcome {
    debian::install_valgrind()?;
    let circumstances = circumstances()?;
    let counted = count()?;
    let file = root().join("bench/counts/expected.toml");
    if accept {
        let text = Expected::written(&circumstances, &counted);
        return fs::write(&file, text)
            .map_err(|error| format!("cannot write {}: {error}", file.display()));
    }
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let expected = Expected::read(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    judge(&expected, &circumstances, &counted)
}

/// Another compiler writes other instructions: then differences are told, and nothing fails.
fn judge(
    expected: &Expected,
    circumstances: &Circumstances,
    counted: &[(String, Counts)],
) -> Outcome {
    let differences = expected.differences(counted);
    for difference in &differences {
        anstream::eprintln!("{difference}");
    }
    if differences.is_empty() {
        return Ok(());
    }
    if expected.circumstances != *circumstances {
        anstream::eprintln!(
            "warning: not compared strictly, because this is {circumstances} and bench/counts/expected.toml is of {}",
            expected.circumstances
        );
        return Ok(());
    }
    Err(format!(
        "{} not as expected, see above. If that is meant, run `cargo xtask check --accept-counts` and say in the commit why.",
        counts_are(differences.len())
    ))
}

fn counts_are(count: usize) -> String {
    match count {
        1 => "1 count is".to_owned(),
        count => format!("{count} counts are"),
    }
}

fn circumstances() -> Outcome<Circumstances> {
    let said = output(program("rustc", &["--version", "--verbose"]));
    let said = said.ok_or("`rustc --version --verbose` failed")?;
    let line = |name: &str| {
        let found = said.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or("unknown").trim().to_owned()
    };
    Ok(Circumstances {
        rustc: line("release:"),
        target: line("host:"),
    })
}

/// Builds the cases, runs them under callgrind, and reads one file for each of them.
fn count() -> Outcome<Vec<(String, Counts)>> {
    let build = [
        "build",
        "--profile",
        "counts",
        "--locked",
        "--package",
        "oauthgate-counts",
    ];
    command::run(cargo(&build), "The compiler's message above says where.")?;
    let files = empty_directory()?;
    let binary = target().join("counts/oauthgate-counts");
    let said = output(program(
        "valgrind",
        &[
            "--tool=callgrind",
            &format!("--callgrind-out-file={}", files.join("case").display()),
            &format!("--zero-before={COUNTED}"),
            &format!("--dump-after={COUNTED}"),
            &binary.to_string_lossy(),
        ],
    ));
    let said = said.ok_or_else(|| {
        format!(
            "the cases cannot be counted: run `valgrind --tool=callgrind {}` to see why",
            binary.display()
        )
    })?;
    let mut lines = said.lines();
    let repetitions = lines.next().and_then(|line| line.parse().ok());
    let repetitions = repetitions.ok_or("the cases did not say how often they ran")?;
    let counted = lines.enumerate().map(|(number, name)| {
        let file = files.join(format!("case.{}", number + 1));
        let text = fs::read_to_string(&file)
            .map_err(|error| format!("callgrind left no {}: {error}", file.display()))?;
        Ok((name.to_owned(), callgrind::read(&text).each(repetitions)))
    });
    counted.collect()
}

/// Nothing of an earlier run is taken for this one's.
fn empty_directory() -> Outcome<PathBuf> {
    let directory = parts().join("counts");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)
        .map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    Ok(directory)
}
