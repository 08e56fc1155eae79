//! How often memory is allocated in each of the cases whose counts are kept: a line with the name, a tab and the count.
//! A process of its own, because counting needs an allocator of its own.

use oauthgate_counts::{REPETITIONS, all};

#[expect(
    clippy::print_stdout,
    reason = "the counts are what this program is for"
)]
fn main() {
    for mut case in all() {
        case.warm_up();
        let counted = allocation_counter::measure(|| case.repeat());
        let each = counted.count_total as f64 / REPETITIONS as f64;
        println!("{}\t{each}", case.name());
    }
}
