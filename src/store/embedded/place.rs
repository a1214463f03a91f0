//! Where in the journal a commit is. The index keeps large values by it: they are in the journal once and
//! need not be written again, neither by a checkpoint nor by any merge after it.

use super::frame::checksum_of;

/// Where the frame of a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The sequence number that its segment is named after.
    pub segment: u64,
    /// Where in the segment it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u32,
    /// Its checksum, by which a frame of another history in the same place would be noticed.
    pub checksum: u32,
}

/// What a place takes when it is written down.
pub(super) const PLACE_BYTES: usize = 24;

impl Place {
    /// The place of a frame in the segment, or in a batch whose own place is not known yet. None for one so
    /// long that it cannot be said.
    pub(super) fn of(frame: &[u8], segment: u64, offset: u64) -> Option<Self> {
        let bytes = u32::try_from(frame.len()).ok()?;
        Some(Self { segment, offset, bytes, checksum: checksum_of(frame)? })
    }

    /// The place in the journal of what is here in a batch that begins there.
    pub(super) fn from(self, (segment, offset): (u64, u64)) -> Self {
        Self { segment, offset: self.offset.saturating_add(offset), ..self }
    }

    /// Adds its bytes to `out`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&self.checksum.to_le_bytes());
    }

    /// The place in bytes that [`Place::encode`] gave, and nothing beside.
    pub(super) fn decode(bytes: &[u8; PLACE_BYTES]) -> Option<Self> {
        let (segment, rest) = bytes.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        let (segment, offset) = (u64::from_le_bytes(*segment), u64::from_le_bytes(*offset));
        let checksum = u32::from_le_bytes(rest.try_into().ok()?);
        Some(Self { segment, offset, bytes: u32::from_le_bytes(*bytes), checksum })
    }
}
