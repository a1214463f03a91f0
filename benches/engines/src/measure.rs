//! What a process used, as the kernel counts it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// CPU time of this process in microseconds: all threads, user and system.
pub fn cpu_microseconds() -> Result<u64> {
    // Fields 14 and 15 behind the name, which ends with the last parenthesis, in hundredths.
    let stat = fs::read_to_string("/proc/self/stat")?;
    let behind = stat.rsplit(')').next().context("no fields behind the name")?;
    let ticks = behind.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(ticks * 10_000)
}

/// The most memory that this process ever had, in MiB.
pub fn peak_memory_mib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim_end_matches("kB").trim().parse::<u64>()? / 1024)
}

/// Bytes that this process handed to the disk, counted when pages become dirty.
pub fn written_bytes() -> Result<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes:")).context("no write_bytes")?;
    Ok(line.trim().parse()?)
}

/// Bytes that a folder takes on the disk.
pub fn folder_bytes(dir: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { folder_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
