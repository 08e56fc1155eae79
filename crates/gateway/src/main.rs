//! The one binary, `oauthgate`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Requests are many small pieces of memory, each of which lives on one thread.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    oauthgate::cli::main()
}
