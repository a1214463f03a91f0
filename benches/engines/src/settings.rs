//! The store as it is measured.

use std::path::Path;
use std::sync::Arc;

use lango::clock::SystemClock;
use lango::store::embedded::Options;

/// As `config/lango.toml` has them.
pub fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        segment_bytes_max: 64 << 20,
        memory_bytes_max: 64 << 20,
        write_set_bytes_max: 4 << 20,
        waiting_max: 4096,
        clock: Arc::new(SystemClock),
        directory_kinds: &["url"],
    }
}
