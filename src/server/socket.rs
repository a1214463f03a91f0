//! The admin socket as a file: only its owner may connect, from its first moment on, and it is taken
//! over only from a node that is gone.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// What the operating system allows for a Unix socket's path.
pub(super) const PATH_BYTES_MAX: usize = 107;

const OWNER_ONLY: u32 = 0o600;
const OWNER_ONLY_FOLDER: u32 = 0o700;

/// Why the admin socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The path does not fit.
    #[error(
        "the admin socket's path \"{}\" is longer than {PATH_BYTES_MAX} bytes; set doors.admin.socket to a shorter one",
        .0.display()
    )]
    PathTooLong(PathBuf),
    /// A node answers there already.
    #[error("another process listens on the admin socket \"{}\"; is the node running already?", .0.display())]
    Taken(PathBuf),
    /// There is a file of another kind.
    #[error("\"{}\" exists and is no socket; move it away or set doors.admin.socket to another path", .0.display())]
    NoSocket(PathBuf),
    /// The operating system refused.
    #[error("the admin socket \"{}\": {source}", path.display())]
    Io {
        /// The socket's path.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

/// A listening socket whose file is removed when this is dropped.
#[derive(Debug)]
pub(super) struct OwnedSocket {
    path: PathBuf,
    owner: u32,
    inode: u64,
}

impl OwnedSocket {
    /// Makes the socket. It is bound inside a folder that only its owner may enter, and gets its name
    /// when its permissions are set: at no moment could another user connect.
    pub(super) fn bind(path: &Path) -> Result<(Self, UnixListener), SocketError> {
        if path.as_os_str().len() > PATH_BYTES_MAX {
            return Err(SocketError::PathTooLong(path.to_owned()));
        }
        check_free(path)?;
        let nursery = nursery(path);
        let bound = bind_within(&nursery, path);
        // Left over by a process that died in between, or just emptied.
        let _ = fs::remove_dir_all(&nursery);
        bound.map_err(|source| SocketError::Io { path: path.to_owned(), source })
    }

    /// The user that the socket belongs to.
    pub(super) fn owner(&self) -> u32 {
        self.owner
    }
}

impl Drop for OwnedSocket {
    fn drop(&mut self) {
        // A node that was started meanwhile may have put its own there.
        if fs::metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Free is a path without a file, or with a socket that nobody listens on.
fn check_free(path: &Path) -> Result<(), SocketError> {
    let io = |source| SocketError::Io { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NoSocket(path.to_owned())),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(io(error)),
        Ok(_) => Err(SocketError::Taken(path.to_owned())),
    }
}

/// The folder in which the socket is bound, beside its place so that the move is a renaming. Its
/// name is short, since the path of the socket within must fit, too.
fn nursery(path: &Path) -> PathBuf {
    path.with_file_name(OsString::from(format!(".{:x}", std::process::id())))
}

fn bind_within(nursery: &Path, path: &Path) -> io::Result<(OwnedSocket, UnixListener)> {
    if nursery.exists() {
        fs::remove_dir_all(nursery)?;
    }
    DirBuilder::new().mode(OWNER_ONLY_FOLDER).create(nursery)?;
    let born = nursery.join("s");
    let listener = UnixListener::bind(&born)?;
    fs::set_permissions(&born, Permissions::from_mode(OWNER_ONLY))?;
    let found = fs::metadata(&born)?;
    fs::rename(&born, path)?;
    Ok((OwnedSocket { path: path.to_owned(), owner: found.uid(), inode: found.ino() }, listener))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_may_connect_and_nothing_else_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let (socket, _listener) = OwnedSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_that_nobody_listens_on_is_taken_over_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "what a killed node leaves");
        let (_socket, _listener) = OwnedSocket::bind(&path).unwrap();
        assert!(matches!(OwnedSocket::bind(&path), Err(SocketError::Taken(_))));
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(OwnedSocket::bind(&path), Err(SocketError::NoSocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_path_that_does_not_fit_is_named() {
        let long = PathBuf::from(format!("/tmp/{}", "x".repeat(PATH_BYTES_MAX)));
        assert!(matches!(OwnedSocket::bind(&long), Err(SocketError::PathTooLong(_))));
    }
}
