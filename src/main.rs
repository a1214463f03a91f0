//! The binary: arguments in, exit code out.

use std::process::ExitCode;

/// A payment goes through several threads, and what one of them allocates another frees; the system's
/// allocator has them wait for each other there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    lango::cli::Cli::main()
}
