//! One file of the journal: a header, then frames (`frame`). A frame holds one commit; it carries its length,
//! a checksum, its sequence number and the hash of everything up to it, so that a frame can be told
//! from noise, a missing one is noticed, and no byte can change unseen.
//!
//! Every frame also says its place in the batch that was synced with it. What follows a flaw tells
//! by that whether the flaw is the unsynced end of a batch, which was never acknowledged and is cut,
//! or damage to what had been synced, which stops the opening.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

use super::frame::{RawFrame, take};

/// A SHA-256 value.
pub(super) type Hash = [u8; 32];

/// A place in the chain: the newest commit and the hash of everything up to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The sequence number; 0 before the first commit.
    pub sequence: u64,
    /// The hash over the hash before, the sequence number and what was committed.
    pub hash: Hash,
}

impl Position {
    /// Before the first commit of the journal of this identity.
    pub(super) fn start(identity: &[u8; 16]) -> Self {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(identity) {
            *to = *from;
        }
        Self { sequence: 0, hash }
    }

    /// The place after one more commit.
    pub(super) fn next(&self, payload: &[u8]) -> Self {
        let sequence = self.sequence.saturating_add(1);
        let mut context = Context::new(&SHA256);
        context.update(&self.hash);
        context.update(&sequence.to_le_bytes());
        context.update(payload);
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self { sequence, hash }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, fourth, ..] = self.hash;
        write!(f, "{} ({first:02x}{second:02x}{third:02x}{fourth:02x}..)", self.sequence)
    }
}

/// The begin of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Names the journal, the same in all its segments; random, so that nobody who sends us bytes
    /// can make them look like a frame.
    pub identity: [u8; 16],
    /// The place in the chain after which this segment begins.
    pub after: Position,
}

/// Bytes of a segment's header.
pub(super) const HEADER_BYTES: usize = 72;
const MAGIC: &[u8; 8] = b"LANGOJNL";
/// Since 2, records say when they were committed. Since 3, the index refers to records instead of holding
/// their large values; a program that knows nothing of it must not take such a segment away.
const FORMAT: u32 = 3;

impl Header {
    /// Its bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.identity);
        bytes.extend_from_slice(&self.after.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.after.hash);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header at the begin of a segment.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut rest = bytes;
        let mut decode = || -> Option<Result<Self, Flaw>> {
            let magic: [u8; 8] = take(&mut rest)?;
            let format = u32::from_le_bytes(take(&mut rest)?);
            let identity = take(&mut rest)?;
            let sequence = u64::from_le_bytes(take(&mut rest)?);
            let hash = take(&mut rest)?;
            let checksum = u32::from_le_bytes(take(&mut rest)?);
            let header = Self { identity, after: Position { sequence, hash } };
            let written = bytes.get(..HEADER_BYTES.checked_sub(4)?)?;
            Some(if magic != *MAGIC {
                Err(Flaw::Header)
            } else if format > FORMAT {
                Err(Flaw::Newer(format))
            } else if crc32fast::hash(written) != checksum {
                Err(Flaw::Header)
            } else {
                Ok(header)
            })
        };
        decode().unwrap_or(Err(Flaw::Cut))
    }

    /// The bytes with which every frame of the journal begins.
    pub(super) fn marker(&self) -> [u8; 4] {
        marker(&self.identity)
    }
}

/// The bytes with which every frame of this journal begins.
pub(super) fn marker(identity: &[u8; 16]) -> [u8; 4] {
    let [a, b, c, d, ..] = *identity;
    [a, b, c, d]
}

/// What is wrong with the bytes at some offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The file ends inside it.
    #[error("the file ends within a record")]
    Cut,
    /// The header of the file is not one.
    #[error("this is not the header of a journal segment")]
    Header,
    /// The file is of a later format.
    #[error("the segment has format {0}, newer than this program knows")]
    Newer(u32),
    /// No record begins there.
    #[error("no record begins here")]
    Marker,
    /// The record's length cannot be.
    #[error("the record's length is wrong")]
    Length,
    /// The record's bytes are not those that were written.
    #[error("the record's checksum is wrong")]
    Checksum,
    /// The record is whole, and its sequence number is not the next.
    #[error("the record's sequence number is not the next")]
    Sequence,
    /// The record is whole, and does not follow from what is before it.
    #[error("the record's hash does not follow from the records before it")]
    Chain,
    /// The record is whole, and what it says has no meaning.
    #[error("the record's content cannot be read")]
    Content,
}

/// A whole frame that follows from what is before it.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// The place in the chain after it.
    pub position: Position,
    /// Where it begins in the file.
    pub offset: usize,
    /// What was committed.
    pub payload: &'a [u8],
}

/// The frames of one segment in their order, as far as they are whole.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    marker: [u8; 4],
    offset: usize,
    position: Position,
}

impl<'a> Frames<'a> {
    /// The frames behind the header of a segment.
    pub(super) fn new(header: &Header, bytes: &'a [u8]) -> Self {
        Self { bytes, marker: header.marker(), offset: HEADER_BYTES, position: header.after }
    }

    /// The next frame; nothing at the end of the file, nor where only the zeros of reserved room
    /// follow. After a flaw it gives the flaw again.
    pub(super) fn next(&mut self) -> Option<Result<Frame<'a>, Flaw>> {
        let rest = self.bytes.get(self.offset..)?;
        let written = rest.iter().any(|&byte| byte != 0);
        written.then(|| self.check(rest))
    }

    fn check(&mut self, rest: &'a [u8]) -> Result<Frame<'a>, Flaw> {
        let raw = RawFrame::decode(rest, self.marker)?;
        if Some(raw.sequence) != self.position.sequence.checked_add(1) {
            return Err(Flaw::Sequence);
        }
        let position = self.position.next(raw.payload);
        if position.hash != raw.hash {
            return Err(Flaw::Chain);
        }
        let offset = self.offset;
        self.offset = offset.saturating_add(raw.bytes);
        self.position = position;
        Ok(Frame { position, offset, payload: raw.payload })
    }

    /// The end of the last whole frame: the offset of the flaw, if there is one.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// The place in the chain there.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Where, behind a flaw, a whole frame begins that was written after the flawed one's batch had
    /// been synced. If there is one, the flaw is damage; if there is none, it is the torn end of the
    /// last batch.
    pub(super) fn synced_behind(&self) -> Option<usize> {
        let flawed = self.position.sequence.saturating_add(1);
        let from = self.offset.saturating_add(1);
        let behind = self.bytes.get(from..)?;
        let candidates = behind.windows(self.marker.len()).enumerate().filter(|(_, found)| *found == self.marker);
        candidates.map(|(at, _)| from.saturating_add(at)).find(|&at| {
            let frame = self.bytes.get(at..).and_then(|rest| RawFrame::decode(rest, self.marker).ok());
            frame.is_some_and(|frame| frame.sequence.saturating_sub(u64::from(frame.place)) > flawed)
        })
    }
}

#[cfg(test)]
mod tests {
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

    fn scan<'a>(header: &Header, bytes: &'a [u8]) -> (usize, Option<Flaw>, Frames<'a>) {
        let mut frames = Frames::new(header, bytes);
        let mut whole = 0;
        loop {
            match frames.next() {
                None => return (whole, None, frames),
                Some(Ok(_)) => whole += 1,
                Some(Err(flaw)) => return (whole, Some(flaw), frames),
            }
        }
    }

    #[test]
    fn a_header_has_the_stated_length_and_comes_back() {
        let (header, bytes, _) = segment(&[]);
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(Header::decode(&bytes), Ok(header));
        assert_eq!(Header::decode(&bytes[..HEADER_BYTES - 1]), Err(Flaw::Cut));
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
            let (whole, flaw, frames) = scan(&header, &flipped);
            assert_eq!(whole, before, "flipped at {at}");
            assert!(flaw.is_some());
            assert_eq!(frames.synced_behind().is_some(), before < 2, "flipped at {at}");
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
        let (whole, flaw, frames) = scan(&header, &forged);
        assert_eq!((whole, flaw, frames.offset()), (2, Some(Flaw::Chain), ends[1]));
        // Or only its content, with the checksum made right.
        let mut forged = bytes;
        forged[ends[1] - 1] ^= 1;
        with_right_checksum(&mut forged[ends[0]..ends[1]]);
        let (whole, flaw, frames) = scan(&header, &forged);
        assert_eq!((whole, flaw, frames.offset()), (1, Some(Flaw::Chain), ends[0]));
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
        let (whole, flaw, frames) = scan(&header, &bytes);
        assert_eq!((whole, flaw, frames.offset()), (1, Some(Flaw::Sequence), ends[0]));
    }

    #[test]
    fn a_hole_in_the_last_batch_is_a_torn_end_and_one_before_it_is_damage() {
        let (header, mut bytes, ends) = segment(&[2, 3]);
        bytes[ends[2] - 1] ^= 1;
        let (whole, _, frames) = scan(&header, &bytes);
        assert_eq!((whole, frames.synced_behind()), (2, None));
        bytes[ends[0] - 1] ^= 1;
        let (whole, _, frames) = scan(&header, &bytes);
        assert_eq!((whole, frames.synced_behind()), (0, Some(ends[2])));
    }
}
