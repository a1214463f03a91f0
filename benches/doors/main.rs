//! What callers cost the doors: handshakes (beside nginx), idle connections, slow callers, a long
//! whitelist. The node is a process of its own, so that its CPU and memory are told apart from those of
//! the callers, who share the machine with it. Everything stays on loopback.
//!
//!     cargo bench --bench doors -- handshakes [COUNT]    beside nginx, if it is installed
//!     cargo bench --bench doors -- slow [COUNT]          slow callers beside a good one
//!     cargo bench --bench doors -- idle [COUNT]          kept connections
//!     cargo bench --bench doors -- whitelist [COUNT]     networks
//!     cargo bench --bench doors -- credentials [COUNT]   requests with a fresh credential each
//!
//! Without a name all of them are measured, one after the other.

mod callers;
mod credentials;
mod handshakes;
mod idle;
mod nginx;
mod slow;
mod stand;
mod whitelist;

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Result;

/// Set for the process that has as many files as it may.
const RAISED: &str = "LANGO_BENCH_FILES_RAISED";

fn main() -> Result<()> {
    if std::env::var_os(RAISED).is_none() {
        return Err(with_all_files().into());
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let which = arguments.iter().find(|argument| argument.parse::<usize>().is_err()).map(String::as_str);
    let count = arguments.iter().find_map(|argument| argument.parse::<usize>().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let wished = |name: &str| which.is_none_or(|which| which == name);
    if wished("whitelist") {
        runtime.block_on(whitelist::measure(count.unwrap_or(100_000)))?;
    }
    if wished("handshakes") {
        runtime.block_on(handshakes::measure(count.unwrap_or(5000)))?;
    }
    if wished("credentials") {
        runtime.block_on(credentials::measure(count.unwrap_or(1000)))?;
    }
    if wished("idle") {
        runtime.block_on(idle::measure(count.unwrap_or(10_000)))?;
    }
    if wished("slow") {
        runtime.block_on(slow::measure(count.unwrap_or(2000)))?;
    }
    Ok(())
}

/// Begins this program anew with the most open files that it may have; returns only if that fails.
fn with_all_files() -> std::io::Error {
    let Ok(program) = std::env::current_exe() else { return std::io::ErrorKind::NotFound.into() };
    Command::new("sh")
        .args(["-c", "ulimit -n \"$(ulimit -H -n)\"; exec \"$0\" \"$@\""])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(RAISED, "1")
        .exec()
}
