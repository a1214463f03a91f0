//! What the history keeps of a record: all of it, or for a large value where in the journal it is. So a
//! large value is written to the disk once, in the journal, and neither checkpoints nor merges move it.
//!
//! What is read by its place is checked as the journal is: by the frame's checksum, which the place has as
//! well, so that another frame in the same place is noticed. Before files of the journal are moved away, the
//! history takes over what it has there (`History::take_over`).

use std::path::PathBuf;
use std::sync::Arc;

use super::{IndexError, decode_record, encode_record, split_version, unreadable};
use crate::store::embedded::disk::Disk;
use crate::store::embedded::entry;
use crate::store::embedded::journal::read_frame;
use crate::store::embedded::place::{PLACE_BYTES, Place};
use crate::store::embedded::segment::payload_of;
use crate::store::{Key, Record};

/// Values from this size on stay in the journal. Reading one takes one more read of a file, so records that
/// are looked up again and again, which are small, are kept whole.
pub(super) const APART_BYTES_MIN: usize = 384;
/// Marks the version of a record whose value is in the journal. No journal gets so long.
const APART: u64 = 1 << 63;

/// The bytes of a record in the history, given where its commit is.
pub(super) fn encode_kept(out: &mut Vec<u8>, record: &Record, place: Option<Place>) {
    match place {
        Some(place) if record.value.len() >= APART_BYTES_MIN => {
            out.clear();
            out.extend_from_slice(&(record.version | APART).to_le_bytes());
            place.encode(out);
        }
        _ => encode_record(out, record),
    }
}

/// The version of the record in these bytes.
pub(super) fn version_of(bytes: &[u8]) -> Result<u64, IndexError> {
    Ok(split_version(bytes)?.0 & !APART)
}

/// The version and the place of a record whose value is in the journal.
pub(super) fn apart(bytes: &[u8]) -> Result<Option<(u64, Place)>, IndexError> {
    let (version, place) = split_version(bytes)?;
    if version & APART == 0 {
        return Ok(None);
    }
    let place: &[u8; PLACE_BYTES] = place.try_into().map_err(|_| unreadable("a record's place"))?;
    Ok(Some((version & !APART, Place::decode(place).ok_or_else(|| unreadable("a record's place"))?)))
}

/// The journal, for reading what is kept there.
pub(super) struct Values {
    disk: Arc<dyn Disk>,
    journal: PathBuf,
}

impl Values {
    /// Those in the journal in this directory.
    pub(super) fn new(disk: Arc<dyn Disk>, journal: PathBuf) -> Self {
        Self { disk, journal }
    }

    /// The record in the history's bytes.
    pub(super) fn record(&self, key: &Key, bytes: &[u8]) -> Result<Record, IndexError> {
        match apart(bytes)? {
            None => decode_record(bytes),
            Some((version, place)) => self.read(key, version, &place),
        }
    }

    fn read(&self, key: &Key, version: u64, place: &Place) -> Result<Record, IndexError> {
        // The index itself is not damaged by what is wrong here.
        let failed = |reason: &dyn std::fmt::Display| {
            let Place { segment, offset, .. } = place;
            IndexError::Unavailable(format!("journal segment {segment}, record at offset {offset}: {reason}"))
        };
        let frame = read_frame(&*self.disk, &self.journal, place).map_err(|error| failed(&error))?;
        let payload = payload_of(&frame, version, place.checksum);
        let record = payload.and_then(|payload| entry::record_of(payload, key, version));
        record.ok_or_else(|| failed(&"it is not what was written there"))
    }
}
