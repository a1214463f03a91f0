//! Reading the frames of a segment one after the other, by pieces, so that no more of it is in memory than
//! is being looked at.
//!
//! Every frame says its place in the batch that was synced with it. What follows a flaw tells
//! by that whether the flaw is the unsynced end of a batch, which was never acknowledged and is cut,
//! or damage to what had been synced, which stops the opening.

use std::io;

use memchr::memmem::Finder;

use super::disk::ReadFile;
use super::frame::{FRONT_BYTES, RawFrame};
use super::segment::{Flaw, HEADER_BYTES, Header, Position};

/// A whole frame that follows from what is before it.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// The place in the chain after it.
    pub position: Position,
    /// Where it begins in the file.
    pub offset: u64,
    /// All of it.
    pub bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// What was committed.
    pub(super) fn payload(&self) -> &'a [u8] {
        self.bytes.get(FRONT_BYTES..).unwrap_or_default()
    }
}

/// Why there is no next frame, though something was written behind the last.
#[derive(Debug)]
pub(super) enum Unread {
    /// The file could not be read.
    Io(io::Error),
    /// What was written at this offset is not the next frame.
    Flaw(u64, Flaw),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The header of a segment.
pub(super) fn header_of(file: &dyn ReadFile) -> Result<Header, Unread> {
    let mut bytes = vec![0; file.length()?.min(HEADER_BYTES as u64) as usize];
    file.read_at(0, &mut bytes)?;
    Header::decode(&bytes).map_err(|flaw| Unread::Flaw(0, flaw))
}

/// The frames of one segment in their order, as far as they are whole.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    file: &'a dyn ReadFile,
    length: u64,
    /// No segment comes after it, so it may end with a batch that was being written, and with which flaw it does.
    last: bool,
    torn: Option<Flaw>,
    marker: [u8; 4],
    /// The end of the last whole frame.
    offset: u64,
    position: Position,
    /// What is read of the file, and where in the file that begins.
    piece: Vec<u8>,
    begin: u64,
}

/// So much is read at once, at least: as much as stays in the processor's cache until it is looked at.
const PIECE_BYTES: usize = if cfg!(test) { 64 } else { ZEROS_BYTES };
/// As much of what should be zeros.
const ZEROS_BYTES: usize = 256 << 10;

impl<'a> Frames<'a> {
    /// The frames behind the header of a segment, which is the last one or not.
    pub(super) fn new(header: &Header, file: &'a dyn ReadFile, last: bool) -> io::Result<Self> {
        let (length, begin) = (file.length()?, HEADER_BYTES as u64);
        let (marker, position) = (header.marker(), header.after);
        Ok(Self { file, length, last, torn: None, marker, offset: begin, position, piece: Vec::new(), begin })
    }

    /// The next frame; nothing at the end of the file, nor where only the zeros of reserved room
    /// follow, nor where the last segment is torn.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, Unread> {
        let (position, bytes) = match self.check()? {
            Ok(whole) => whole,
            Err(flaw) => return self.end(flaw).map(|()| None),
        };
        let (offset, behind) = (self.offset, self.looked_at());
        (self.offset, self.position) = (offset.saturating_add(bytes as u64), position);
        let bytes = self.piece.get(behind..).and_then(|rest| rest.get(..bytes)).unwrap_or_default();
        Ok(Some(Frame { position, offset, bytes }))
    }

    /// The place in the chain after the next frame, and its length; or why there is none.
    fn check(&mut self) -> io::Result<Result<(Position, usize), Flaw>> {
        loop {
            let rest = self.piece.get(self.looked_at()..).unwrap_or_default();
            let flaw = match RawFrame::decode(rest, self.marker) {
                Ok(raw) => return Ok(self.position.followed_by(&raw).map(|position| (position, raw.bytes))),
                Err(flaw) => flaw,
            };
            if flaw != Flaw::Cut || !self.read_on()? {
                return Ok(Err(flaw));
            }
        }
    }

    /// Where there is no further frame: an error, unless the frames may end so.
    fn end(&mut self, flaw: Flaw) -> Result<(), Unread> {
        if !self.is_written_behind()? {
            return Ok(());
        }
        if !self.last || self.synced_behind()?.is_some() {
            return Err(Unread::Flaw(self.offset, flaw));
        }
        self.torn = Some(flaw);
        Ok(())
    }

    /// With which flaw the last segment is torn, if it is.
    pub(super) fn torn(&self) -> Option<Flaw> {
        self.torn
    }

    /// How much of the piece has been looked at.
    fn looked_at(&self) -> usize {
        usize::try_from(self.offset.saturating_sub(self.begin)).unwrap_or(usize::MAX)
    }

    /// Reads more of the file behind what is left to be looked at, of long frames ever more; false at its end.
    fn read_on(&mut self) -> io::Result<bool> {
        self.piece.drain(..self.looked_at().min(self.piece.len()));
        self.begin = self.offset;
        let left = self.piece.len();
        let end = self.begin.saturating_add(left as u64);
        let more = self.length.saturating_sub(end).min(left.max(PIECE_BYTES) as u64);
        self.piece.resize(left.saturating_add(more as usize), 0);
        let read = self.file.read_at(end, self.piece.get_mut(left..).unwrap_or_default());
        if read.is_err() {
            self.piece.truncate(left);
        }
        read.map(|()| more > 0)
    }

    /// Whether anything but zeros is behind the last whole frame.
    fn is_written_behind(&self) -> io::Result<bool> {
        let (mut from, mut part) = (self.offset, Vec::new());
        while from < self.length {
            part.resize(self.length.saturating_sub(from).min(ZEROS_BYTES as u64) as usize, 0);
            self.file.read_at(from, &mut part)?;
            // All of them, which is faster than to stop at the first.
            if part.iter().fold(0, |all, byte| all | byte) != 0 {
                return Ok(true);
            }
            from = from.saturating_add(part.len() as u64);
        }
        Ok(false)
    }

    /// The end of the last whole frame: the offset of the flaw, if there is one.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The place in the chain there.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Where, behind a flaw, a whole frame begins that was written after the flawed one's batch had
    /// been synced. If there is one, the flaw is damage; if there is none, it is the torn end of the
    /// last batch.
    fn synced_behind(&self) -> io::Result<Option<u64>> {
        let flawed = self.position.sequence.saturating_add(1);
        let mut from = self.offset.saturating_add(1);
        let mut behind = vec![0; usize::try_from(self.length.saturating_sub(from)).unwrap_or(usize::MAX)];
        self.file.read_at(from.min(self.length), &mut behind)?;
        let (marker, mut rest) = (Finder::new(&self.marker), behind.as_slice());
        while let Some(at) = marker.find(rest) {
            let frame = rest.get(at..).unwrap_or_default();
            let found = RawFrame::decode(frame, self.marker);
            if found.is_ok_and(|frame| frame.sequence.saturating_sub(u64::from(frame.place)) > flawed) {
                return Ok(Some(from.saturating_add(at as u64)));
            }
            rest = frame.get(1..).unwrap_or_default();
            from = from.saturating_add(at as u64).saturating_add(1);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::{Disk, RealDisk};
    use super::super::frame::{PREFIX_BYTES, checksum_of, payload_of, push_frame};
    use super::*;

    const IDENTITY: [u8; 16] = [0xA7; 16];

    /// A segment with one batch for each of `batches`, each of that many frames.
    fn segment(batches: &[u32]) -> (Header, Vec<u8>, Vec<usize>) {
        let header = Header { identity: IDENTITY, after: Position::start(&IDENTITY) };
        let mut bytes = header.encode();
        let (mut position, mut ends) = (header.after, Vec::new());
        for &frames in batches {
            for place in 0..frames {
                let put_payload = |out: &mut Vec<u8>| out.extend_from_slice(b"payload");
                position = push_frame(&mut bytes, header.marker(), &position, place, put_payload).unwrap();
                ends.push(bytes.len());
            }
        }
        (header, bytes, ends)
    }

    /// How many frames are whole, which flaw is behind them, and where a synced one is behind that.
    fn scan(header: &Header, bytes: &[u8]) -> (usize, Option<Flaw>, u64, Option<u64>) {
        let mut frames = Frames::new(header, &bytes, true).unwrap();
        let mut whole = 0;
        let damage = loop {
            match frames.next() {
                Ok(None) => break None,
                Ok(Some(_)) => whole += 1,
                Err(Unread::Flaw(offset, flaw)) => break Some((offset, flaw)),
                Err(Unread::Io(error)) => panic!("{error}"),
            }
        };
        let synced = frames.synced_behind().unwrap();
        assert_eq!(damage.is_some(), synced.is_some());
        assert!(damage.is_none_or(|(offset, _)| offset == frames.offset()));
        (whole, damage.map(|(_, flaw)| flaw).or(frames.torn()), frames.offset(), synced)
    }

    #[test]
    fn s7_one_flipped_byte_anywhere_is_found() {
        let (header, bytes, ends) = segment(&[1, 1, 1]);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            if at < HEADER_BYTES {
                assert!(Header::decode(&flipped).is_err(), "flipped at {at}");
                continue;
            }
            let before = ends.iter().filter(|&&end| end <= at).count();
            let (whole, flaw, _, synced) = scan(&header, &flipped);
            assert_eq!(whole, before, "flipped at {at}");
            assert!(flaw.is_some());
            assert_eq!(synced.is_some(), before < 2, "flipped at {at}");
        }
    }

    /// Gives a frame the checksum that belongs to what it holds now.
    fn with_right_checksum(frame: &mut [u8]) {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&frame[4..8]);
        checksum.update(&frame[PREFIX_BYTES..]);
        frame[8..PREFIX_BYTES].copy_from_slice(&checksum.finalize().to_le_bytes());
    }

    #[test]
    fn s7_a_record_in_whose_place_a_whole_one_was_put_is_found_at_the_next() {
        let (header, bytes, ends) = segment(&[1, 1, 1]);
        let (mut forged, marker) = (bytes.clone(), header.marker());
        let after = header.after.next(b"payload");
        let mut frame = Vec::new();
        push_frame(&mut frame, marker, &after, 0, |out| out.extend_from_slice(b"PAYLOAD")).unwrap();
        forged[ends[0]..ends[1]].copy_from_slice(&frame);
        let (whole, flaw, offset, _) = scan(&header, &forged);
        assert_eq!((whole, flaw, offset), (2, Some(Flaw::Chain), ends[1] as u64));
        // Or only its content, with the checksum made right.
        let mut forged = bytes;
        forged[ends[1] - 1] ^= 1;
        with_right_checksum(&mut forged[ends[0]..ends[1]]);
        let (whole, flaw, offset, _) = scan(&header, &forged);
        assert_eq!((whole, flaw, offset), (1, Some(Flaw::Chain), ends[0] as u64));
    }

    #[test]
    fn a_frame_is_found_by_its_number_and_checksum_and_by_no_others() {
        let (_, bytes, ends) = segment(&[1, 1]);
        let frame = &bytes[ends[0]..ends[1]];
        let checksum = checksum_of(frame).unwrap();
        assert_eq!(payload_of(frame, 2, checksum), Some(b"payload".as_slice()));
        assert_eq!((payload_of(frame, 1, checksum), payload_of(frame, 2, checksum ^ 1)), (None, None));
        assert!((0..frame.len()).all(|cut| payload_of(&frame[..cut], 2, checksum).is_none()));
    }

    #[test]
    fn s7_a_record_that_says_another_number_than_the_next_is_found() {
        let (header, mut bytes, ends) = segment(&[1, 1, 1]);
        bytes[ends[0] + PREFIX_BYTES] ^= 4;
        with_right_checksum(&mut bytes[ends[0]..ends[1]]);
        let (whole, flaw, offset, _) = scan(&header, &bytes);
        assert_eq!((whole, flaw, offset), (1, Some(Flaw::Sequence), ends[0] as u64));
    }

    #[test]
    fn a_hole_in_the_last_batch_is_a_torn_end_and_one_before_it_is_damage() {
        let (header, mut bytes, ends) = segment(&[2, 3]);
        bytes[ends[2] - 1] ^= 1;
        let (whole, _, _, synced) = scan(&header, &bytes);
        assert_eq!((whole, synced), (2, None));
        bytes[ends[0] - 1] ^= 1;
        let (whole, _, _, synced) = scan(&header, &bytes);
        assert_eq!((whole, synced), (0, Some(ends[2] as u64)));
    }

    #[test]
    fn what_is_written_behind_the_frames_is_found_at_once_and_behind_room_that_nobody_wrote() {
        let (header, bytes, _) = segment(&[1, 2]);
        let (dir, end) = (tempfile::tempdir().unwrap(), bytes.len() as u64);
        let path = dir.path().join("segment");
        for (at, written) in [(None, false), (Some(end), true), (Some(end + 1), true), (Some(end + (3 << 20)), true)] {
            std::fs::write(&path, &bytes).unwrap();
            let mut file = RealDisk.open(&path).unwrap();
            file.truncate(end + (4 << 20)).unwrap();
            if let Some(at) = at {
                file.write_at(at, &[7]).unwrap();
            }
            let file = RealDisk.open_to_read(&path).unwrap();
            let mut frames = Frames::new(&header, &*file, true).unwrap();
            for _ in 0..3 {
                assert!(frames.next().unwrap().is_some());
            }
            assert!(frames.next().unwrap().is_none());
            assert_eq!(frames.torn().is_some(), written, "written at {at:?} behind {end}");
        }
    }
}
