//! The files below the embedded store, as a seam: the real ones, and in tests such as fail when told
//! to and forget what was not synced. It does not retry and does not interpret: what a failed write
//! or sync means is for the journal to say.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::entropy::{Entropy, SystemEntropy};

/// What the store asks of a disk.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a directory and its parents, if they are missing.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names of what is in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// A file that is there, to read from in many places. What is added to it later need not be seen.
    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        Ok(Arc::new(self.read(path)?))
    }

    /// A new, empty file, in place of one that may be there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// A file that is there, to write on.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Renames a file or directory.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes a file durable that something else wrote.
    fn sync_file(&self, path: &Path) -> io::Result<()>;

    /// Locks a file for this process until the guard is dropped; nothing when another holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;

    /// Random bytes that name a new journal.
    fn identity(&self) -> [u8; 16];
}

/// A file that is read.
pub trait ReadFile: Send + Sync + fmt::Debug {
    /// How long it is.
    fn length(&self) -> io::Result<u64>;

    /// Fills a part with what is from an offset on; an error when there is not so much.
    fn read_at(&self, offset: u64, part: &mut [u8]) -> io::Result<()>;
}

/// All of a file, as it was when it was read.
impl<T: AsRef<[u8]> + Send + Sync + fmt::Debug> ReadFile for T {
    fn length(&self) -> io::Result<u64> {
        Ok(self.as_ref().len() as u64)
    }

    fn read_at(&self, offset: u64, part: &mut [u8]) -> io::Result<()> {
        let behind = usize::try_from(offset).ok().and_then(|offset| self.as_ref().get(offset..));
        let found = behind.and_then(|behind| behind.get(..part.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        part.copy_from_slice(found);
        Ok(())
    }
}

/// A file that is written.
pub trait DiskFile: Send + fmt::Debug {
    /// Writes all bytes at an offset; on an error some of them may be there.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to a length.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;

    /// Makes the file so long and takes the room for it on the disk; what was not written reads as
    /// zeros. A sync after a write within it then has no new blocks and no new length to record,
    /// which makes it several times cheaper.
    fn reserve(&mut self, bytes: u64) -> io::Result<()>;

    /// Writes zeros where nothing else was written. They read the same before and after, but a sync
    /// after a write over them need not record that the blocks are in use now, which makes it nearly twice
    /// as fast.
    fn write_zeros(&mut self, from: u64, to: u64) -> io::Result<()>;
}

/// A lock on a file, held until it is dropped.
pub trait Lock: Send + Sync + fmt::Debug {}

/// Makes a directory and its parents, where they are missing, and their names durable: a file in a directory
/// that is lost with its name is lost, however often it was synced. From the top down, so that of what somebody
/// made who was stopped, only the lowest one's name may not be durable yet.
pub(super) fn make_dir(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let missing = |dir: &Path| matches!(disk.list(dir), Err(error) if error.kind() == io::ErrorKind::NotFound);
    let all: Vec<_> = dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty()).collect();
    let there = all.iter().position(|dir| !missing(dir));
    for (nth, dir) in all.iter().enumerate().take(there.map_or(all.len(), |there| there.saturating_add(1))).rev() {
        let is_there = Some(nth) == there;
        if !is_there {
            disk.create_dir(dir)?;
        }
        let Some(parent) = dir.parent() else { continue };
        match disk.sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }) {
            // Somebody else made it, in a place where we may make nothing.
            Err(error) if is_there && error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        Ok(Arc::new(RealFile(File::open(path)?)))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(OpenOptions::new().write(true).open(path)?)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_data()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(RealLock(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn identity(&self) -> [u8; 16] {
        let mut identity = [0; 16];
        SystemEntropy.fill(&mut identity);
        identity
    }
}

#[derive(Debug)]
struct RealFile(File);

impl ReadFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, part: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(part, offset)
    }
}

impl DiskFile for RealFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        Ok(rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, bytes)?)
    }

    /// Page by page: the kernel keeps together what was written at once, and counts all of it as written
    /// anew with each small write within.
    fn write_zeros(&mut self, mut from: u64, to: u64) -> io::Result<()> {
        while from < to {
            let page_end = from.saturating_add(1).next_multiple_of(PAGE_BYTES as u64);
            let length = page_end.min(to).saturating_sub(from) as usize;
            self.0.write_all_at(ZEROS.get(..length).unwrap_or(&ZEROS), from)?;
            from = page_end;
        }
        Ok(())
    }
}

const PAGE_BYTES: usize = 4096;
static ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// Dropping the file gives the lock up, also when the process dies.
#[derive(Debug)]
struct RealLock(#[expect(dead_code, reason = "held, never read")] File);

impl Lock for RealLock {}

/// Whether an error says that there is no room: on the disk, or for one more open file. Either comes to an end
/// without anybody opening the store again.
pub(super) fn is_full(error: &io::Error) -> bool {
    let files = [Errno::MFILE, Errno::NFILE];
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || Errno::from_io_error(error).is_some_and(|error| files.contains(&error))
}
