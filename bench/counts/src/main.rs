//! Runs every case once between two marks that callgrind sees, and says which and how often.

use std::hint::black_box;

use oauthgate_counts::{Case, REPETITIONS, all};

#[expect(
    clippy::print_stdout,
    reason = "the names, in the order of the counts, are what the task wants to know"
)]
fn main() {
    println!("{REPETITIONS}");
    for mut case in all() {
        case.warm_up();
        counted_by_callgrind(&mut case);
        println!("{}", case.name());
    }
}

/// The function whose begin and end callgrind is told to look for, by this name.
#[inline(never)]
fn counted_by_callgrind(case: &mut Case) {
    black_box(case).repeat();
}
