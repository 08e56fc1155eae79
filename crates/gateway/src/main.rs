//! The one binary, `oauthgate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    oauthgate::cli::main()
}
