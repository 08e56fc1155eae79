//! What callgrind's files say: instructions by function, and who called the allocator how often.
//!
//! The format is described in callgrind's manual. Lines name a function (`fn=`), the functions that it calls (`cfn=`,
//! then `calls=`, then a line with what the call cost inside), or its own costs.

use std::collections::HashMap;

/// Where memory is asked for.
const ALLOCATORS: [&str; 5] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
];

/// What was counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Instructions in functions of Rust: ours and those of libraries.
    pub(crate) instructions: u64,
    /// Instructions in all others: arithmetic of signatures, the allocator, `memcpy`.
    pub(crate) foreign: u64,
    /// How often Rust asked for memory.
    pub(crate) allocations: u64,
}

impl Counts {
    /// Of one of so many repetitions.
    pub(crate) fn each(self, repetitions: u64) -> Self {
        let each = |count: u64| count.div_ceil(repetitions.max(1));
        Self {
            instructions: each(self.instructions),
            foreign: each(self.foreign),
            allocations: each(self.allocations),
        }
    }
}

/// Adds up one file.
pub(crate) fn read(text: &str) -> Counts {
    let mut reader = Reader::default();
    for line in text.lines() {
        reader.line(line);
    }
    reader.counts
}

#[derive(Default)]
struct Reader<'t> {
    /// Names are written once, as `(7) name`, and then only as `(7)`.
    names: HashMap<&'t str, &'t str>,
    counts: Counts,
    function: &'t str,
    called: &'t str,
    /// The next line is what a call cost inside, which the called function's own lines say too.
    is_inside_call: bool,
}

impl<'t> Reader<'t> {
    fn line(&mut self, line: &'t str) {
        if let Some(name) = line.strip_prefix("fn=") {
            self.function = self.name(name);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            self.called = self.name(name);
        } else if let Some(call) = line.strip_prefix("calls=") {
            self.call(call);
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            self.cost(line);
        }
    }

    fn name(&mut self, text: &'t str) -> &'t str {
        match text.split_once(' ') {
            Some((number, name)) => {
                self.names.insert(number, name);
                name
            }
            None => self.names.get(text).copied().unwrap_or(text),
        }
    }

    /// `12 340`: so often, and where the called function begins.
    fn call(&mut self, text: &str) {
        self.is_inside_call = true;
        if is_rust(self.function) && ALLOCATORS.contains(&self.called) {
            self.counts.allocations += first_number(text);
        }
    }

    /// `340 12`: the place, and the instructions there.
    fn cost(&mut self, line: &str) {
        if std::mem::take(&mut self.is_inside_call) {
            return;
        }
        let instructions = line.split_whitespace().nth(1).map_or(0, first_number);
        if is_rust(self.function) {
            self.counts.instructions += instructions;
        } else {
            self.counts.foreign += instructions;
        }
    }
}

fn first_number(text: &str) -> u64 {
    let number = text.split_whitespace().next();
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Functions of Rust have paths; those of C have none.
fn is_rust(function: &str) -> bool {
    function.contains("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
version: 1
events: Ir
fl=(1) lib.rs
fn=(1) gate::admit
10 100
+2 20
cfn=(2) malloc
calls=3 77
* 900
cfn=(3) aws_lc_verify
calls=1 5
12 5000

fn=(2)
77 900

fn=(3)
5 4000
cfn=(2)
calls=2 77
6 1000

fn=(4) <gate::Door as core::fmt::Debug>::fmt
1 5

totals: 5925
";

    #[test]
    fn a_call_is_counted_where_it_is_spent_and_not_again_where_it_is_made() {
        let counts = read(FILE);
        assert_eq!(counts.instructions, 125);
        assert_eq!(counts.foreign, 4900);
    }

    #[test]
    fn memory_is_counted_that_rust_asks_for() {
        assert_eq!(read(FILE).allocations, 3);
    }

    #[test]
    fn a_fraction_of_an_allocation_is_one() {
        let counts = read(FILE).each(2);
        assert_eq!((counts.instructions, counts.allocations), (63, 2));
    }
}
