//! What the tests run against, by name and version.

use crate::{
    command::{Outcome, output, program, root},
    debian::UNPACKED,
    setup,
};

/// Prints each version read from what is installed, not from what was asked for.
pub(crate) fn print() -> Outcome {
    anstream::println!("Tested against:");
    line(
        "rustc",
        output(program("rustc", &["--version"]))
            .as_deref()
            .and_then(second_word),
    );
    line(
        "Node",
        output(program(setup::node(), &["--version"])).as_deref(),
    );
    // `Redis server v=7.0.15 sha=…`
    let redis = output(program("redis-server", &["--version"]));
    let version = redis
        .as_deref()
        .and_then(|text| text.split_once(" v=")?.1.split_whitespace().next());
    line("Redis", version);
    for package in &UNPACKED {
        line(package.name(), package.version().as_deref());
    }
    for (name, version) in npm()? {
        line(&format!("npm {name}"), Some(&version));
    }
    for (name, version) in pypi()? {
        line(&format!("PyPI {name}"), Some(&version));
    }
    line("crate rmcp", locked("rmcp").as_deref());
    line("crate jsonwebtoken", locked("jsonwebtoken").as_deref());
    Ok(())
}

fn line(name: &str, version: Option<&str>) {
    anstream::println!("  {name:<48} {}", version.unwrap_or("unknown"));
}

fn second_word(text: &str) -> Option<&str> {
    text.split_whitespace().nth(1)
}

/// The direct npm dependencies as they lie in `node_modules`.
fn npm() -> Outcome<Vec<(String, String)>> {
    const SCRIPT: &str = "const fs = require('fs'); const read = (f) => JSON.parse(fs.readFileSync('e2e/node/' + f)); \
        for (const name of Object.keys(read('package.json').dependencies)) \
        console.log(name, read(`node_modules/${name}/package.json`).version)";
    let listed = output(program(setup::node(), &["-e", SCRIPT]));
    listed
        .map(|text| pairs(&text, ' '))
        .ok_or_else(|| "the npm packages are incomplete: run `cargo xtask setup`".to_owned())
}

fn pypi() -> Outcome<Vec<(String, String)>> {
    let mut found = Vec::new();
    let wanted = [
        ("mcp", setup::python()),
        ("fastmcp", setup::python()),
        ("moto", setup::moto_python()),
    ];
    for (wanted, interpreter) in wanted {
        let listed = output(program(interpreter, &["-m", "pip", "freeze"]));
        let all = listed.ok_or_else(|| {
            "a Python environment is incomplete: run `cargo xtask setup`".to_owned()
        })?;
        let all = pairs(&all.replace("==", "="), '=');
        found.extend(all.into_iter().filter(|(name, _)| name == wanted));
    }
    Ok(found)
}

fn pairs(text: &str, separator: char) -> Vec<(String, String)> {
    let split = text.lines().filter_map(|line| line.split_once(separator));
    split
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}

/// A crate's version in `Cargo.lock`.
fn locked(name: &str) -> Option<String> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).ok()?;
    let entry = lock
        .split("[[package]]")
        .find(|entry| entry.contains(&format!("\nname = \"{name}\"\n")))?;
    let version = entry
        .lines()
        .find_map(|line| line.strip_prefix("version = "))?;
    Some(version.trim_matches('"').to_owned())
}
