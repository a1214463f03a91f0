//! The replay: what the journal holds beyond the index comes into memory again. It reads by pieces, and one
//! thread reads and checks what comes next while another takes in what came before, since somebody waits
//! for it.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::disk::Disk;
use super::entry;
use super::frames::{Frame, Frames, Unread, header_of};
use super::index::{Index, index_dir};
use super::journal::{End, is_compressed, open_segment};
use super::memtable::{Commit, Layers};
use super::open::{OpenError, at, index_error, unread};
use super::place::Place;
use super::segment::{Flaw, Header, Position};
use super::stamp::Stamp;
use super::{Options, Progress};
use crate::store::state::Write;

/// What is to be replayed.
pub(super) struct Replay<'a> {
    pub disk: &'a dyn Disk,
    pub options: &'a Options,
    pub index: &'a Index,
    pub stamp: Option<Stamp>,
    /// The newest commit that any part of the index knows of.
    pub known: Option<Position>,
    pub journal_dir: &'a Path,
}

/// Some of what was read of a segment, in order.
struct Piece {
    header: Header,
    commits: Vec<Commit>,
    /// Where the journal ends so far, with the last piece of each segment.
    end: Option<End>,
}

/// Commits that are given on at once, and how often that may be before they are taken in: enough that neither
/// side waits for the other at each, and few enough to lie in the processor's cache.
const COMMITS_AT_ONCE: usize = 32;
const READ_AHEAD: usize = 8;

impl Replay<'_> {
    /// Reads the segments from the index's stamp on. Gives the end of the journal and what is not in
    /// the index, or nothing when there is no journal yet.
    pub(super) fn run(
        &self,
        found: &[(u64, PathBuf)],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<(End, Layers)>, OpenError> {
        let behind = |journal: u64| OpenError::Behind {
            dir: self.journal_dir.to_owned(),
            journal,
            index: self.known(),
            index_dir: index_dir(&self.options.dir),
        };
        let needed = self.stamped().map_or(0, |stamped| stamped.sequence).saturating_add(1);
        let start = found.partition_point(|(first, _)| *first <= needed).checked_sub(1);
        let segments = match start {
            Some(start) => found.get(start..).unwrap_or_default(),
            None if found.is_empty() && self.known() > 0 => return Err(behind(0)),
            None if found.is_empty() => return Ok(None),
            None => return Err(OpenError::Missing { dir: self.journal_dir.to_owned(), first: needed }),
        };
        match self.read_and_take_in(segments, progress)? {
            Some((end, _)) if end.position.sequence < self.known() => Err(behind(end.position.sequence)),
            replayed => Ok(replayed),
        }
    }

    fn read_and_take_in(
        &self,
        segments: &[(u64, PathBuf)],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<(End, Layers)>, OpenError> {
        let (sender, receiver) = sync_channel(READ_AHEAD);
        let mut done = Progress { done: 0, total: segments.len() as u64 };
        thread::scope(|scope| {
            let reader = thread::Builder::new().name("replay".into());
            let reader = reader.spawn_scoped(scope, || self.read(segments, sender)).map_err(at(self.journal_dir))?;
            // When this fails the channel closes, and the reader ends.
            let replayed = self.take_in(receiver, &mut || {
                done.done = done.done.saturating_add(1);
                progress(done);
            })?;
            reader.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            Ok(replayed)
        })
    }

    fn take_in(
        &self,
        receiver: Receiver<Piece>,
        segment_done: &mut dyn FnMut(),
    ) -> Result<Option<(End, Layers)>, OpenError> {
        let (mut replayed, mut last) = (None, None);
        for Piece { header, commits, end } in receiver {
            let layers = replayed.get_or_insert_with(|| Layers::after(self.stamped().unwrap_or(header.after)));
            commits.into_iter().try_for_each(|commit| self.apply(commit, layers, header.identity))?;
            if end.is_some() {
                last = end;
                segment_done();
            }
        }
        Ok(last.zip(replayed))
    }

    fn apply(&self, commit: Commit, layers: &mut Layers, identity: [u8; 16]) -> Result<(), OpenError> {
        layers.apply(commit);
        if layers.active.bytes() >= self.options.memory_bytes_max / 2 {
            if let Some(frozen) = layers.frozen.take() {
                self.index.absorb(identity, &frozen).map_err(|error| index_error(self.options, &error))?;
            }
            layers.freeze();
        }
        Ok(())
    }

    /// The sequence number of the newest commit that any part of the index knows of.
    fn known(&self) -> u64 {
        self.known.map_or(0, |known| known.sequence)
    }

    fn stamped(&self) -> Option<Position> {
        self.stamp.map(|stamp| stamp.position)
    }

    /// Reads segments for whoever takes in what is in them, until nobody does.
    fn read(&self, segments: &[(u64, PathBuf)], sender: SyncSender<Piece>) -> Result<(), OpenError> {
        let mut before: Option<End> = None;
        for (nth, (first, path)) in segments.iter().enumerate() {
            let last = nth.saturating_add(1) == segments.len();
            let Some(end) = self.segment(*first, path, last, before.as_ref(), &sender)? else { break };
            before = Some(end);
        }
        Ok(())
    }

    /// Gives its end; nothing when nobody takes in what is in it.
    fn segment(
        &self,
        first: u64,
        path: &Path,
        last: bool,
        before: Option<&End>,
        sender: &SyncSender<Piece>,
    ) -> Result<Option<End>, OpenError> {
        let file = open_segment(self.disk, path).map_err(at(path))?;
        let header = header_of(&*file).map_err(unread(path))?;
        self.check_header(first, path, &header, before)?;
        self.check_stamp(path, header.after)?;
        let mut frames = Frames::new(&header, &*file, last).map_err(at(path))?;
        let mut commits = Vec::with_capacity(COMMITS_AT_ONCE);
        while let Some(frame) = frames.next().map_err(unread(path))? {
            self.check_stamp(path, frame.position)?;
            if self.stamped().is_some_and(|stamped| frame.position.sequence <= stamped.sequence) {
                continue;
            }
            commits.push(commit_of(&frame, first, path)?);
            if commits.len() == COMMITS_AT_ONCE {
                let full = std::mem::replace(&mut commits, Vec::with_capacity(COMMITS_AT_ONCE));
                if sender.send(Piece { header: header.clone(), commits: full, end: None }).is_err() {
                    return Ok(None);
                }
            }
        }
        let (offset, position, identity) = (frames.offset(), frames.position(), header.identity);
        let end = End { path: path.to_owned(), segment: first, offset, position, identity };
        Ok(sender.send(Piece { header, commits, end: Some(end.clone()) }).is_ok().then_some(end))
    }

    fn check_header(&self, first: u64, path: &Path, header: &Header, before: Option<&End>) -> Result<(), OpenError> {
        let foreign = || OpenError::Foreign { file: path.to_owned() };
        if header.after.sequence.checked_add(1) != Some(first) {
            return Err(foreign());
        }
        if self.stamp.is_some_and(|stamp| stamp.identity != header.identity) {
            return Err(foreign());
        }
        match before {
            Some(end) if end.position.sequence < header.after.sequence => Err(OpenError::Missing {
                dir: self.journal_dir.to_owned(),
                first: end.position.sequence.saturating_add(1),
            }),
            Some(end) if end.position != header.after || end.identity != header.identity => Err(foreign()),
            _ => Ok(()),
        }
    }

    /// The index holds what this journal holds: at its stamps the chains have the same hash.
    fn check_stamp(&self, path: &Path, position: Position) -> Result<(), OpenError> {
        let parted = |stamp: &Position| stamp.sequence == position.sequence && *stamp != position;
        if [self.stamped(), self.known].iter().flatten().any(parted) {
            return Err(OpenError::Foreign { file: path.to_owned() });
        }
        Ok(())
    }
}

/// What a frame of the segment `first` says was committed.
fn commit_of(frame: &Frame<'_>, first: u64, path: &Path) -> Result<Commit, OpenError> {
    let entry = entry::decode(frame.payload(), frame.position.sequence);
    let entry = entry.ok_or_else(|| unread(path)(Unread::Flaw(frame.offset, Flaw::Content)))?;
    // Never fresh: a checkpoint that was cut short may have left parts of this in the index.
    let writes = entry.records.into_iter().map(|(key, record)| Write { key, record, fresh: false });
    // A compressed file is no place to look single records up in.
    let place = if is_compressed(path) { None } else { Place::of(frame.bytes, first, frame.offset) };
    Ok(Commit { writes: writes.collect(), counters: entry.counters, position: frame.position, place })
}
