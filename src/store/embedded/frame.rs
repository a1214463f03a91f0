//! One frame of the journal as bytes: one commit with its length, its checksum, its sequence number, its place in
//! its batch, and the hash of everything up to it.

use super::segment::{Flaw, Hash, Position};

/// Marker, length, checksum.
pub(super) const PREFIX_BYTES: usize = 12;
const CHECKSUM_OFFSET: usize = 8;
/// Sequence number, place in the batch, hash.
const BODY_BYTES_MIN: usize = 44;
/// What comes before the payload.
pub(super) const FRONT_BYTES: usize = PREFIX_BYTES + BODY_BYTES_MIN;
/// What a frame can hold, as its length has four bytes.
pub(super) const FRAME_BYTES_MAX: usize = u32::MAX as usize - BODY_BYTES_MIN;

/// Adds the frame that follows `after` to a batch and returns the place after it. `place` is the
/// number of frames before it in the batch, and `put_payload` adds the payload to what it is given. A
/// payload that a frame cannot hold adds nothing, and its length is given back.
pub(super) fn push_frame(
    batch: &mut Vec<u8>,
    marker: [u8; 4],
    after: &Position,
    place: u32,
    put_payload: impl FnOnce(&mut Vec<u8>),
) -> Result<Position, usize> {
    let begin = batch.len();
    // Room for what comes before the payload and is known only after it.
    batch.extend_from_slice(&[0; FRONT_BYTES]);
    put_payload(batch);
    let frame = batch.get_mut(begin..).unwrap_or_default();
    let Some((front, payload)) = frame.split_first_chunk_mut::<FRONT_BYTES>() else {
        return Err(0);
    };
    let Some(length) = payload.len().checked_add(BODY_BYTES_MIN).and_then(|length| u32::try_from(length).ok()) else {
        let bytes = payload.len();
        batch.truncate(begin);
        return Err(bytes);
    };
    let position = after.next(payload);
    let (length, sequence, place) = (length.to_le_bytes(), position.sequence.to_le_bytes(), place.to_le_bytes());
    let mut checksum = crc32fast::Hasher::new();
    for part in [&length, &sequence[..], &place, &position.hash, payload] {
        checksum.update(part);
    }
    let checksum = checksum.finalize().to_le_bytes();
    let parts = [&marker[..], &length, &checksum, &sequence, &place, &position.hash];
    for (to, from) in front.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    Ok(position)
}

/// The checksum that a frame says it has.
pub(super) fn checksum_of(frame: &[u8]) -> Option<u32> {
    let (_, behind) = frame.split_at_checked(CHECKSUM_OFFSET)?;
    behind.first_chunk().map(|checksum| u32::from_le_bytes(*checksum))
}

/// The payload of a whole frame, which is known by its sequence number and its checksum; nothing when these
/// bytes are not that frame.
pub(super) fn payload_of(frame: &[u8], sequence: u64, checksum: u32) -> Option<&[u8]> {
    let raw = RawFrame::decode(frame, *frame.first_chunk()?).ok()?;
    (raw.sequence == sequence && checksum_of(frame) == Some(checksum)).then_some(raw.payload)
}

/// A frame whose checksum is right; whether it belongs where it is, is not known.
pub(super) struct RawFrame<'a> {
    /// Its sequence number.
    pub sequence: u64,
    /// How many frames are before it in its batch.
    pub place: u32,
    /// The hash of everything up to it.
    pub hash: Hash,
    /// What was committed.
    pub payload: &'a [u8],
    /// How long all of it is.
    pub bytes: usize,
}

impl<'a> RawFrame<'a> {
    /// The frame that these bytes begin with.
    pub(super) fn decode(bytes: &'a [u8], expected_marker: [u8; 4]) -> Result<Self, Flaw> {
        let mut rest = bytes;
        let marker: [u8; 4] = take(&mut rest).ok_or(Flaw::Cut)?;
        if marker != expected_marker {
            return Err(Flaw::Marker);
        }
        let length_bytes: [u8; 4] = take(&mut rest).ok_or(Flaw::Cut)?;
        let checksum = u32::from_le_bytes(take(&mut rest).ok_or(Flaw::Cut)?);
        let length = usize::try_from(u32::from_le_bytes(length_bytes)).map_err(|_| Flaw::Length)?;
        if length < BODY_BYTES_MIN {
            return Err(Flaw::Length);
        }
        let mut body = rest.get(..length).ok_or(Flaw::Cut)?;
        let mut actual = crc32fast::Hasher::new();
        actual.update(&length_bytes);
        actual.update(body);
        if actual.finalize() != checksum {
            return Err(Flaw::Checksum);
        }
        let sequence = u64::from_le_bytes(take(&mut body).ok_or(Flaw::Length)?);
        let place = u32::from_le_bytes(take(&mut body).ok_or(Flaw::Length)?);
        let hash = take(&mut body).ok_or(Flaw::Length)?;
        Ok(Self { sequence, place, hash, payload: body, bytes: length.saturating_add(PREFIX_BYTES) })
    }
}

/// The next bytes, taken off the rest.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*array)
}
