//! The report in a file among other texts.

use std::{fs, io, path::Path};

const BEGIN: &str = "<!-- cargo xtask bench speed --markdown writes from here -->\n";
const END: &str = "<!-- to here -->\n";

/// Puts a report where the last one was, or at the end.
pub(crate) fn write(file: &Path, report: &str) -> Result<(), String> {
    let problem = |error: io::Error| format!("{}: {error}", file.display());
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(problem)?,
    };
    fs::write(file, replaced(&text, report)).map_err(problem)
}

fn replaced(text: &str, report: &str) -> String {
    let report = format!("{BEGIN}\n{}\n\n{END}", report.trim());
    match (text.find(BEGIN), text.find(END)) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{}{report}{}", &text[..begin], &text[end + END.len()..])
        }
        _ => format!("{text}{report}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_takes_the_place_of_the_last() {
        let first = replaced("# Figures\n\n", "one");
        let second = replaced(&format!("{first}\n# More\n"), "two");
        assert!(second.starts_with("# Figures\n\n<!--"), "{second}");
        assert!(
            second.contains("\ntwo\n") && !second.contains("one"),
            "{second}"
        );
        assert!(second.ends_with("\n# More\n"), "{second}");
    }
}
