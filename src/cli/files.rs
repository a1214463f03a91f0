//! Files that a running node reads are replaced whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Puts `text` in the place of the file at `path`, or begins it. Not if the file is no longer
/// `untouched`, which is asked at the last moment.
pub(super) fn replace(path: &Path, text: &str, untouched: impl FnOnce() -> bool) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let new = Path::new(&name);
    let written = (|| {
        let mut file = File::create_new(new)?;
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    })()
    .with_context(|| format!("{} cannot be written", new.display()));
    let replaced = written.and_then(|()| {
        ensure!(untouched(), "{} was edited by somebody else just now; try again", path.display());
        fs::rename(new, path).with_context(|| format!("{} cannot be replaced", path.display()))
    });
    if replaced.is_err() {
        // It may not have come into being; then there is nothing to remove.
        let _ = fs::remove_file(new);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_permissions_or_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        replace(&path, "one", || true).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, "two", || true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(replace(&path, "three", || false).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was left behind");
    }
}
