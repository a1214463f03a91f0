//! What a part of the index says about itself: up to where the journal is in it.

use super::segment::Position;

/// Up to where the journal is in a part of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The journal it belongs to.
    pub identity: [u8; 16],
    /// The newest commit that it holds, with all before it.
    pub position: Position,
    /// A number beside it: in the history, the sequence number of the directory's stamp that it
    /// goes with; in the directory, the digest of its records.
    pub beside: u64,
}

impl Stamp {
    /// Its bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (sequence, beside) = (self.position.sequence.to_le_bytes(), self.beside.to_le_bytes());
        let mut bytes = [&self.identity[..], &sequence, &self.position.hash, &beside].concat();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// The stamp in bytes that [`Stamp::encode`] gave; nothing when they are not whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (stamped, checksum) = bytes.split_last_chunk::<4>()?;
        let (identity, rest) = stamped.split_first_chunk::<16>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (hash, rest) = rest.split_first_chunk::<32>()?;
        let beside = u64::from_le_bytes(<[u8; 8]>::try_from(rest).ok()?);
        let position = Position { sequence: u64::from_le_bytes(*sequence), hash: *hash };
        let whole = *checksum == crc32fast::hash(stamped).to_le_bytes();
        whole.then_some(Self { identity: *identity, position, beside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back_and_one_changed_anywhere_is_none() {
        let stamp = Stamp { identity: [1; 16], position: Position { sequence: 7, hash: [9; 32] }, beside: u64::MAX };
        let bytes = stamp.encode();
        assert_eq!(Stamp::decode(&bytes), Some(stamp));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(Stamp::decode(&changed), None, "changed at {at}");
            assert_eq!(Stamp::decode(&bytes[..at]), None, "cut at {at}");
        }
    }
}
