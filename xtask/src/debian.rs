//! What comes from Debian: packages that are installed, and some that are only unpacked.

use std::{fs, path::PathBuf};

use crate::command::{self, Outcome, output, parts, program, works};

/// A program that must be there, and the package that brings it.
struct Tool {
    present: fn() -> bool,
    package: &'static str,
}

const TOOLS: [Tool; 5] = [
    Tool {
        present: || works("npm", &["--version"]),
        package: "npm",
    },
    Tool {
        present: || works("python3", &["--version"]),
        package: "python3",
    },
    Tool {
        present: || works("python3", &["-c", "import ensurepip, venv"]),
        package: "python3-venv",
    },
    Tool {
        present: || works("redis-server", &["--version"]),
        package: "redis-server",
    },
    Tool {
        present: || works("sqlite3", &["--version"]),
        package: "sqlite3",
    },
];

/// What counts instructions; only `cargo xtask check` needs it.
const VALGRIND: Tool = Tool {
    present: || works("valgrind", &["--version"]),
    package: "valgrind",
};

/// Node, npm, Python's venv, Redis and SQLite's shell, from the system.
pub(crate) fn install_tools() -> Outcome {
    install(&TOOLS)
}

/// Valgrind, from the system.
pub(crate) fn install_valgrind() -> Outcome {
    install(&[VALGRIND])
}

fn install(tools: &[Tool]) -> Outcome {
    let missing: Vec<_> = tools
        .iter()
        .filter(|tool| !(tool.present)())
        .map(|tool| tool.package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let arguments = ["install", "-y", "--no-install-recommends"];
    as_root(
        &format!("missing system packages: {}", missing.join(" ")),
        &[&arguments, missing.as_slice()].concat(),
    )
}

/// A program whose package also sets up services, accounts or databases that start at once. The tests need the
/// program alone: so the package is unpacked below the parts, and of what it depends on only the libraries
/// are installed.
#[derive(Debug)]
pub(crate) struct Unpacked {
    package: &'static str,
    program: &'static str,
    /// What makes it say its version.
    version: &'static str,
}

/// An authorization server in C.
pub(crate) const GLEWLWYD: Unpacked = Unpacked {
    package: "glewlwyd",
    program: "usr/bin/glewlwyd",
    version: "--version",
};

/// What stands before a gate.
pub(crate) const HAPROXY: Unpacked = Unpacked {
    package: "haproxy",
    program: "usr/sbin/haproxy",
    version: "-v",
};

/// What stands before a gate, too.
pub(crate) const NGINX: Unpacked = Unpacked {
    package: "nginx",
    program: "usr/sbin/nginx",
    version: "-v",
};

/// All of them.
pub(crate) const UNPACKED: [Unpacked; 3] = [GLEWLWYD, HAPROXY, NGINX];

impl Unpacked {
    /// The package's name.
    pub(crate) fn name(&self) -> &'static str {
        self.package
    }

    /// The program, inside of its unpacked package.
    pub(crate) fn program(&self) -> PathBuf {
        self.directory().join(self.program)
    }

    /// What it says of its version, on whatever stream.
    pub(crate) fn version(&self) -> Option<String> {
        let path = self.program().to_string_lossy().into_owned();
        let both = format!("exec \"$0\" {} 2>&1", self.version);
        let said = output(program("sh", &["-c", &both, &path]))?;
        said.lines().next().map(str::to_owned)
    }

    /// Unpacks it, and installs its libraries, unless it runs.
    pub(crate) fn unpack(&self) -> Outcome {
        if self.version().is_some() {
            return Ok(());
        }
        if !works("apt-get", &["--version"]) {
            anstream::eprintln!(
                "setup: no {}, because this system has no apt-get; the tests that need it will fail",
                self.package
            );
            return Ok(());
        }
        let package = self.download()?;
        let directory = self.directory().to_string_lossy().into_owned();
        command::run(
            program("dpkg-deb", &["--extract", &package, &directory]),
            "Is the disk full? Then run the same command again.",
        )?;
        if self.version().is_some() {
            return Ok(());
        }
        let libraries = libraries(&package)?;
        let arguments = ["satisfy", "-y", "--no-install-recommends", &libraries];
        as_root(
            &format!("missing libraries of {}", self.package),
            &arguments,
        )
    }

    fn directory(&self) -> PathBuf {
        parts().join(self.package)
    }

    /// The package's file, where apt's lists know it; else they are updated first.
    fn download(&self) -> Outcome<String> {
        let downloads = parts().join("debian");
        let _ = fs::remove_dir_all(&downloads);
        fs::create_dir_all(&downloads)
            .map_err(|error| format!("cannot create {}: {error}", downloads.display()))?;
        let download = || {
            let mut command = program("apt-get", &["download", "--quiet", self.package]);
            command.current_dir(&downloads);
            command::run(
                command,
                "Does this release of Debian or Ubuntu have this package?",
            )
        };
        if download().is_err() {
            as_root("no list of packages yet", &["update"])?;
            download()?;
        }
        let found = fs::read_dir(&downloads)
            .ok()
            .into_iter()
            .flatten()
            .flatten();
        let package = found
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        package
            .map(|path| path.to_string_lossy().into_owned())
            .ok_or_else(|| format!("apt-get left no package in {}", downloads.display()))
    }
}

/// The libraries among a package's dependencies, with their versions.
fn libraries(package: &str) -> Outcome<String> {
    let all = output(program("dpkg-deb", &["--field", package, "Depends"]))
        .ok_or_else(|| format!("{package} cannot be read"))?;
    Ok(libraries_of(&all))
}

fn libraries_of(dependencies: &str) -> String {
    let named = dependencies.split(',').map(str::trim);
    let libraries = named.filter(|name| name.starts_with("lib") || name.starts_with("zlib"));
    libraries.collect::<Vec<_>>().join(", ")
}

/// Runs apt-get as root, where that needs no password, with fresh lists.
fn as_root(why: &str, arguments: &[&str]) -> Outcome {
    let shown: Vec<_> = arguments
        .iter()
        .map(|word| {
            if word.contains(' ') {
                format!("'{word}'")
            } else {
                (*word).to_owned()
            }
        })
        .collect();
    let by_hand = format!(
        "Run `apt-get update && apt-get {}` as root, then try again.",
        shown.join(" ")
    );
    let Some(prefix) = root_prefix() else {
        return Err(format!("{why}. {by_hand}"));
    };
    anstream::eprintln!("setup: {why}");
    let apt = |arguments: &[&str]| {
        let words: Vec<_> = prefix
            .iter()
            .copied()
            .chain(["apt-get"])
            .chain(arguments.iter().copied())
            .collect();
        let mut command = program(words[0], &words[1..]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command::run(command, &by_hand)
    };
    if arguments != ["update"] {
        apt(&["update"])?;
    }
    apt(arguments)
}

/// How to become root: not at all, by `sudo` without a password, or impossible.
fn root_prefix() -> Option<&'static [&'static str]> {
    if output(program("id", &["-u"])).as_deref() == Some("0") {
        return Some(&[]);
    }
    works("sudo", &["-n", "true"]).then_some(&["sudo", "-n"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_packages_dependencies_only_libraries_are_taken() {
        let all = "libc6 (>= 2.34), zlib1g (>= 1:1.1.4), debconf (>= 0.5) | debconf-2.0, \
            glewlwyd-common, sqlite3, dbconfig-mysql | dbconfig-no-thanks, libulfius2.7 (>= 2.7.0)";
        assert_eq!(
            libraries_of(all),
            "libc6 (>= 2.34), zlib1g (>= 1:1.1.4), libulfius2.7 (>= 2.7.0)"
        );
    }
}
