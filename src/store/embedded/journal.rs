//! The journal as it is written: batches of frames are appended to the newest segment and synced,
//! and a new segment is begun when the newest is full. Nothing is acknowledged before
//! [`Journal::append`] has returned.
//!
//! A failed write is undone by cutting the file back to the last good offset. A failed sync is never
//! retried: the kernel may have dropped what it could not write, and a second sync would then
//! succeed without it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::GzDecoder;

use super::disk::{Disk, DiskFile, ReadFile, is_full};
use super::segment::{HEADER_BYTES, Header, Position};

/// The writing end of the journal. Only the committer has it.
#[derive(Debug)]
pub(super) struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    identity: [u8; 16],
    segment_bytes_max: u64,
    file: Box<dyn DiskFile>,
    /// The sequence number that the file is named after.
    segment: u64,
    /// The end of the last good frame; the next batch is written here.
    offset: u64,
    /// The end of the room that is reserved: 0 when the disk had none.
    reserved: u64,
    /// Zeros were written up to here.
    zeroed: u64,
    position: Position,
}

/// Why a batch is not in the journal.
#[derive(Debug)]
pub(super) enum AppendError {
    /// There is no room; nothing has changed, and the next batch may find some.
    Full,
    /// What the disk holds is not known; only opening again can find out.
    Failed(String),
}

/// Where the journal ends, as opening found it.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// The newest segment.
    pub path: PathBuf,
    /// The sequence number that it is named after.
    pub segment: u64,
    /// The end of its last whole frame.
    pub offset: u64,
    /// The place in the chain there.
    pub position: Position,
    /// The journal's name.
    pub identity: [u8; 16],
}

impl Journal {
    /// Begins a journal in an empty directory.
    pub(super) fn begin(disk: Arc<dyn Disk>, dir: &Path, segment_bytes_max: u64) -> io::Result<Self> {
        let identity = disk.identity();
        let position = Position::start(&identity);
        let (file, offset, reserved) = begin_segment(&*disk, dir, identity, position, segment_bytes_max)?;
        let (dir, segment) = (dir.to_owned(), position.sequence.saturating_add(1));
        Ok(Self { disk, dir, identity, segment_bytes_max, file, segment, offset, reserved, zeroed: 0, position })
    }

    /// Goes on where the journal ends. What is behind the end is cut off, and what is before it is
    /// synced: a process that died may have left it written and not synced.
    pub(super) fn resume(disk: Arc<dyn Disk>, dir: &Path, segment_bytes_max: u64, end: End) -> io::Result<Self> {
        let mut file = disk.open(&end.path)?;
        file.truncate(end.offset)?;
        file.sync()?;
        disk.sync_dir(dir)?;
        let reserved = reserve(&mut *file, segment_bytes_max);
        let End { segment, offset, position, identity, .. } = end;
        let dir = dir.to_owned();
        Ok(Self { disk, dir, identity, segment_bytes_max, file, segment, offset, reserved, zeroed: 0, position })
    }

    /// The journal's name.
    pub(super) fn identity(&self) -> [u8; 16] {
        self.identity
    }

    /// The place in the chain after the last batch.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Writes a batch of whole frames that ends at `position`, and syncs it. Gives where it begins: the segment
    /// and the offset in it.
    pub(super) fn append(&mut self, batch: &[u8], position: Position) -> Result<(u64, u64), AppendError> {
        if self.offset >= self.segment_bytes_max {
            self.begin_next()?;
        }
        self.write_zeros_behind(self.offset.saturating_add(batch.len() as u64));
        if let Err(error) = self.file.write_at(self.offset, batch) {
            return Err(self.undo(&error));
        }
        if let Err(error) = self.file.sync() {
            // Whether the batch is on the disk is not known. It was refused, so it should not be
            // found by the next opening, as far as that can still be helped.
            let _ = self.cut();
            return Err(AppendError::Failed(format!("syncing the journal failed: {error}")));
        }
        let begin = (self.segment, self.offset);
        self.offset = self.offset.saturating_add(batch.len() as u64);
        self.position = position;
        Ok(begin)
    }

    /// Writes zeros behind a small batch that goes beyond those of before, so that the syncs of the next
    /// ones are fast. A large batch takes about as long either way, and its zeros would be as many again.
    fn write_zeros_behind(&mut self, end: u64) {
        let small = end.saturating_sub(self.offset) <= SMALL_BATCH_BYTES;
        let to = end.saturating_add(ZEROS_BYTES).min(self.reserved);
        if small && self.zeroed < end && end < to {
            // Without them it is only slower.
            if let Err(error) = self.file.write_zeros(end, to) {
                tracing::debug!(%error, "the room of a journal segment was not written in advance");
            }
            self.zeroed = to;
        }
    }

    /// Gives back the room that was reserved and not used, when nothing more will be written.
    pub(super) fn finish(mut self) {
        if let Err(error) = self.file.truncate(self.offset) {
            tracing::warn!(%error, "the journal keeps room that it does not need");
        }
    }

    fn undo(&mut self, error: &io::Error) -> AppendError {
        // What is cut off is no longer reserved.
        self.reserved = 0;
        match self.cut() {
            Ok(()) if is_full(error) => AppendError::Full,
            Ok(()) => AppendError::Failed(format!("writing the journal failed: {error}")),
            Err(second) => AppendError::Failed(format!(
                "writing the journal failed ({error}), and so did cutting off what was half written: {second}"
            )),
        }
    }

    /// Cuts off what is behind the last good frame, for good: what was refused must not come back with the power.
    fn cut(&mut self) -> io::Result<()> {
        self.file.truncate(self.offset)?;
        self.file.sync()
    }

    fn begin_next(&mut self) -> Result<(), AppendError> {
        match begin_segment(&*self.disk, &self.dir, self.identity, self.position, self.segment_bytes_max) {
            Ok((file, offset, reserved)) => {
                (self.file, self.offset, self.reserved, self.zeroed) = (file, offset, reserved, 0);
                self.segment = self.position.sequence.saturating_add(1);
                Ok(())
            }
            Err(error) if is_full(&error) => {
                // What is left of it holds no frame: the next attempt, or the next opening, begins
                // it anew.
                Err(AppendError::Full)
            }
            Err(error) => Err(AppendError::Failed(format!("a new journal segment could not be begun: {error}"))),
        }
    }
}

/// Begins the segment after `position`, in place of what an attempt that failed may have left. It
/// is durable, with its name, before the first frame is written into it.
fn begin_segment(
    disk: &dyn Disk,
    dir: &Path,
    identity: [u8; 16],
    position: Position,
    segment_bytes_max: u64,
) -> io::Result<(Box<dyn DiskFile>, u64, u64)> {
    let header = Header { identity, after: position };
    let mut file = disk.create(&dir.join(segment_name(position.sequence.saturating_add(1))))?;
    file.write_at(0, &header.encode())?;
    file.sync()?;
    disk.sync_dir(dir)?;
    let reserved = reserve(&mut *file, segment_bytes_max);
    Ok((file, HEADER_BYTES as u64, reserved))
}

/// Reserves room for a whole segment and gives its end. Where the disk has not so much, or its file
/// system cannot do it, the file grows as it is written.
fn reserve(file: &mut dyn DiskFile, segment_bytes_max: u64) -> u64 {
    match file.reserve(segment_bytes_max) {
        Ok(()) => segment_bytes_max,
        Err(error) => {
            tracing::debug!(%error, "a journal segment grows as it is written");
            0
        }
    }
}

/// Batches of up to about twenty payments.
const SMALL_BATCH_BYTES: u64 = 64 << 10;
/// So much is written in advance, which takes about as long as a sync.
const ZEROS_BYTES: u64 = 256 << 10;

/// Where the journal is in a store's directory.
pub(super) fn journal_dir(dir: &Path) -> PathBuf {
    dir.join(JOURNAL)
}

/// The name of the journal's directory.
pub(super) const JOURNAL: &str = "journal";
/// What is copied has another name until it is whole.
pub(super) const UNFINISHED: &str = "journal.unfinished";

/// The name of the segment whose first frame has this sequence number; names sort as numbers do.
pub(super) fn segment_name(first: u64) -> String {
    format!("{first:020}.journal")
}

/// Whether a file of the journal is a compressed one, as archives keep them.
pub(super) fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// The name of a segment that is compressed.
pub(super) fn compressed_name(first: u64) -> String {
    format!("{}{COMPRESSED}", segment_name(first))
}

const COMPRESSED: &str = ".gz";
/// A segment is as long as a batch longer than its setting says; this is beyond any of them.
const SEGMENT_BYTES_READ_MAX: u64 = 8 << 30;

/// The content of a segment, compressed or not.
pub(super) fn read_segment(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let bytes = disk.read(path)?;
    if !is_compressed(path) {
        return Ok(bytes);
    }
    let mut content = Vec::new();
    GzDecoder::new(bytes.as_slice()).take(SEGMENT_BYTES_READ_MAX).read_to_end(&mut content)?;
    Ok(content)
}

/// A segment to read from, compressed or not.
pub(super) fn open_segment(disk: &dyn Disk, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
    if is_compressed(path) { Ok(Arc::new(read_segment(disk, path)?)) } else { disk.open_to_read(path) }
}

/// The same by its number, whether it was compressed meanwhile or not.
pub(super) fn find_segment(disk: &dyn Disk, dir: &Path, segment: u64) -> io::Result<Arc<dyn ReadFile>> {
    match open_segment(disk, &dir.join(segment_name(segment))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            open_segment(disk, &dir.join(compressed_name(segment)))
        }
        opened => opened,
    }
}

/// The segments in a directory in their order: first sequence number and path. One that is there twice,
/// since somebody was stopped while it was being compressed, is given as it was before.
pub(super) fn segments(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for name in disk.list(dir)? {
        let plain = name.strip_suffix(COMPRESSED).unwrap_or(&name);
        if let Some(first) = plain.strip_suffix(".journal").and_then(|digits| digits.parse().ok())
            && plain == segment_name(first)
        {
            found.push((first, dir.join(name)));
        }
    }
    found.sort();
    found.dedup_by_key(|(first, _)| *first);
    Ok(found)
}
