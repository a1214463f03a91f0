//! One file of the journal: a header, then frames (`frame`). A frame holds one commit; it carries its length,
//! a checksum, its sequence number and the hash of everything up to it, so that a frame can be told
//! from noise, a missing one is noticed, and no byte can change unseen. They are read by `frames`.

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

    /// The place after a frame, if it is the next one and follows from all before it.
    pub(super) fn followed_by(&self, frame: &RawFrame<'_>) -> Result<Self, Flaw> {
        if Some(frame.sequence) != self.sequence.checked_add(1) {
            return Err(Flaw::Sequence);
        }
        let position = self.next(frame.payload);
        if position.hash == frame.hash { Ok(position) } else { Err(Flaw::Chain) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_the_stated_length_and_comes_back() {
        let identity = [0xA7; 16];
        let header = Header { identity, after: Position::start(&identity) };
        let bytes = header.encode();
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(Header::decode(&bytes), Ok(header));
        assert_eq!(Header::decode(&bytes[..HEADER_BYTES - 1]), Err(Flaw::Cut));
    }
}
