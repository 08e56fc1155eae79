//! What was counted when somebody last looked: `bench/counts/expected.toml`.

use std::fmt::{self, Write};

use toml::Table;

use super::callgrind::Counts;

/// By so many per mille may instructions differ: hash maps are seeded anew in every process.
const TOLERANCE: u64 = 30;

/// By so many per mille may the arithmetic within a validation exceed that of the signature alone.
const BESIDE_THE_SIGNATURE: u64 = 100;

/// What instructions depend on beside the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Circumstances {
    pub(crate) rustc: String,
    pub(crate) target: String,
}

impl fmt::Display for Circumstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rustc {} for {}", self.rustc, self.target)
    }
}

/// The file's content.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) circumstances: Circumstances,
    counts: Vec<(String, Counts)>,
}

impl Expected {
    /// Reads the file.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error| format!("no TOML: {error}"))?;
        let word = |name: &str| {
            let word = table.get(name).and_then(toml::Value::as_str);
            word.map(str::to_owned)
                .ok_or_else(|| format!("`{name}` is missing"))
        };
        let circumstances = Circumstances {
            rustc: word("rustc")?,
            target: word("target")?,
        };
        let cases = table.get("case").and_then(toml::Value::as_table);
        let cases = cases.ok_or("`[case]` is missing")?;
        let counts = cases
            .iter()
            .map(|(name, case)| Ok((name.clone(), counts(name, case)?)))
            .collect::<Result<_, String>>()?;
        Ok(Self {
            circumstances,
            counts,
        })
    }

    /// The file for what was counted now.
    pub(crate) fn written(circumstances: &Circumstances, counted: &[(String, Counts)]) -> String {
        let mut text = format!(
            "# What one token costs: instructions in functions of Rust, instructions in all others (the arithmetic of\n\
             # signatures, the allocator, memcpy; they depend on the processor, and are here to be read), allocations.\n\
             # Compared by `cargo xtask check`, written by `cargo xtask check --accept-counts`.\n\
             rustc = \"{}\"\ntarget = \"{}\"\n\n[case]\n",
            circumstances.rustc, circumstances.target
        );
        for (name, counts) in counted {
            let Counts {
                instructions,
                foreign,
                allocations,
            } = counts;
            let _ = writeln!(
                text,
                "\"{name}\" = {{ instructions = {instructions}, foreign = {foreign}, allocations = {allocations} }}"
            );
        }
        text
    }

    /// One sentence for each difference that matters.
    pub(crate) fn differences(&self, counted: &[(String, Counts)]) -> Vec<String> {
        let mut found = Vec::new();
        for (name, now) in counted {
            match self.of(name) {
                Some(before) => found.extend(compare(name, before, *now)),
                None => found.push(format!("{name}: counted, but not expected")),
            }
        }
        let counted_too = |name: &str| counted.iter().any(|(counted, _)| counted == name);
        let gone = self.counts.iter().filter(|(name, _)| !counted_too(name));
        found.extend(gone.map(|(name, _)| format!("{name}: expected, but not counted")));
        found.extend(repeated_arithmetic(counted));
        found
    }

    fn of(&self, name: &str) -> Option<Counts> {
        let found = self.counts.iter().find(|(expected, _)| expected == name);
        found.map(|(_, counts)| *counts)
    }
}

fn counts(name: &str, case: &toml::Value) -> Result<Counts, String> {
    let count = |what: &str| {
        let count = case.get(what).and_then(toml::Value::as_integer);
        count
            .and_then(|count| u64::try_from(count).ok())
            .ok_or_else(|| format!("\"{name}\" has no `{what}`"))
    };
    Ok(Counts {
        instructions: count("instructions")?,
        foreign: count("foreign")?,
        allocations: count("allocations")?,
    })
}

fn compare(name: &str, before: Counts, now: Counts) -> Vec<String> {
    let mut found = Vec::new();
    let difference = now.instructions.abs_diff(before.instructions);
    if difference * 1000 > before.instructions * TOLERANCE {
        found.push(format!(
            "{name}: {} instructions instead of {} ({})",
            now.instructions,
            before.instructions,
            percent(before.instructions, now.instructions)
        ));
    }
    if now.allocations != before.allocations {
        found.push(format!(
            "{name}: {} allocations instead of {}",
            now.allocations, before.allocations
        ));
    }
    found
}

fn percent(before: u64, now: u64) -> String {
    let ratio = now as f64 / before.max(1) as f64;
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

/// Whose processor it is does not matter side by side in one run: a validation verifies once.
fn repeated_arithmetic(counted: &[(String, Counts)]) -> Vec<String> {
    let of = |name: String| counted.iter().find(|(counted, _)| *counted == name);
    let validations = counted
        .iter()
        .filter_map(|(name, counts)| Some((name.strip_prefix("validation ")?, counts)));
    let beside = validations.filter_map(|(algorithm, counts)| {
        let (_, signature) = of(format!("signature {algorithm}"))?;
        let most = signature.foreign * (1000 + BESIDE_THE_SIGNATURE) / 1000;
        (counts.foreign > most).then(|| {
            format!(
                "validation {algorithm}: {} instructions of arithmetic, allocator and memcpy, where the signature alone \
                 takes {} ({}): is something verified, hashed or copied twice?",
                counts.foreign,
                signature.foreign,
                percent(signature.foreign, counts.foreign)
            )
        })
    });
    beside.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(instructions: u64, allocations: u64) -> Vec<(String, Counts)> {
        let counts = Counts {
            instructions,
            foreign: 1000,
            allocations,
        };
        vec![("validation RS256".to_owned(), counts)]
    }

    fn expected(instructions: u64, allocations: u64) -> Expected {
        let circumstances = Circumstances {
            rustc: "1.95.0".to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
        };
        let text = Expected::written(&circumstances, &counted(instructions, allocations));
        let read = Expected::read(&text).unwrap();
        assert_eq!(read.circumstances, circumstances);
        read
    }

    #[test]
    fn what_was_written_is_what_is_expected() {
        assert!(expected(1000, 4).differences(&counted(1000, 4)).is_empty());
    }

    #[test]
    fn three_per_cent_are_tolerated_and_no_more() {
        let expected = expected(1000, 4);
        assert!(expected.differences(&counted(1030, 4)).is_empty());
        assert_eq!(
            expected.differences(&counted(1031, 4)),
            ["validation RS256: 1031 instructions instead of 1000 (+3.1 %)"]
        );
        assert_eq!(
            expected.differences(&counted(900, 4)),
            ["validation RS256: 900 instructions instead of 1000 (-10.0 %)"]
        );
    }

    #[test]
    fn no_allocation_more_is_tolerated() {
        assert_eq!(
            expected(1000, 4).differences(&counted(1000, 5)),
            ["validation RS256: 5 allocations instead of 4"]
        );
    }

    #[test]
    fn a_case_that_is_gone_or_new_is_told() {
        let other = vec![("recall".to_owned(), Counts::default())];
        assert_eq!(
            expected(1000, 4).differences(&other),
            [
                "recall: counted, but not expected",
                "validation RS256: expected, but not counted"
            ]
        );
    }

    #[test]
    fn a_validation_that_verifies_twice_is_told_whatever_was_expected() {
        let mut now = counted(1000, 4);
        let signature = Counts {
            foreign: 500,
            ..Counts::default()
        };
        now.push(("signature RS256".to_owned(), signature));
        assert_eq!(repeated_arithmetic(&now).len(), 1);
        now[1].1.foreign = 990;
        assert_eq!(repeated_arithmetic(&now), [""; 0]);
    }
}
