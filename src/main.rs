//! The binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    lango::cli::Cli::main()
}
