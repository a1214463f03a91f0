//! The bytes of a key: in place, where they are few, so that usual keys are made, copied and compared without
//! going to the heap.

use super::{END, TEXT};

/// The most bytes that are kept in place: with them a key fills one cache line, and all but those
/// with names of other people's making in them are shorter.
pub(super) const SHORT_BYTES: usize = 62;

/// The bytes of a key.
#[derive(Clone)]
pub(super) enum Bytes {
    /// Those that are so few that they are kept in place, and how many they are.
    Short { length: u8, bytes: [u8; SHORT_BYTES] },
    /// All others.
    Long(Vec<u8>),
}

impl Bytes {
    /// No bytes.
    pub(super) const EMPTY: Self = Self::Short { length: 0, bytes: [0; SHORT_BYTES] };

    /// All of them.
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            // The length never exceeds the array: it grows in `push` alone.
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }

    /// Adds bytes.
    pub(super) fn push(&mut self, more: &[u8]) {
        match self {
            Self::Short { length, bytes } => {
                let from = usize::from(*length);
                let to = from.saturating_add(more.len());
                match (bytes.get_mut(from..to), u8::try_from(to)) {
                    (Some(free), Ok(to)) => {
                        free.copy_from_slice(more);
                        *length = to;
                    }
                    _ => *self = Self::Long([self.as_slice(), more].concat()),
                }
            }
            Self::Long(bytes) => bytes.extend_from_slice(more),
        }
    }

    /// Adds the first bytes of a block, if all of it has room in place. Copying a whole block, whose size is
    /// known when the program is compiled, takes two instructions; what is beyond the length is not there.
    #[inline]
    pub(super) fn push_block<const N: usize>(&mut self, block: &[u8; N], used: usize) -> bool {
        let Self::Short { length, bytes } = self else { return false };
        let from = usize::from(*length);
        let place = bytes.get_mut(from..).and_then(<[u8]>::first_chunk_mut::<N>);
        let (Some(place), Ok(after)) = (place, u8::try_from(from.saturating_add(used.min(N)))) else { return false };
        *place = *block;
        *length = after;
        true
    }

    /// Adds a text part, the first bytes of a block, likewise.
    #[inline]
    pub(super) fn push_plain_text<const N: usize>(&mut self, block: &[u8; N], used: usize) -> bool {
        let Self::Short { length, bytes } = self else { return false };
        let from = usize::from(*length);
        let Some((first, rest)) = bytes.get_mut(from..).and_then(<[u8]>::split_first_mut) else { return false };
        let Some(place) = rest.first_chunk_mut::<N>() else { return false };
        *place = *block;
        let (Some(last), Ok(after)) = (rest.get_mut(used), u8::try_from(from.saturating_add(used).saturating_add(2)))
        else {
            return false;
        };
        (*first, *last, *length) = (TEXT, END, after);
        true
    }

    /// Adds a text part, if it is a usual one: it fits in place, and has no byte to be escaped. Keys are
    /// made dozens of times in a decision, so this looks at each byte once.
    pub(super) fn push_usual_text(&mut self, part: &[u8]) -> bool {
        let Self::Short { length, bytes } = self else { return false };
        let from = usize::from(*length);
        let to = from.saturating_add(part.len()).saturating_add(2);
        let (Some([first, between @ .., last]), Ok(after)) = (bytes.get_mut(from..to), u8::try_from(to)) else {
            return false;
        };
        let mut ends = false;
        for (place, &byte) in between.iter_mut().zip(part) {
            ends |= byte == END;
            *place = byte;
        }
        if ends {
            // What was written lies beyond the length, and so is not there.
            return false;
        }
        (*first, *last, *length) = (TEXT, END, after);
        true
    }
}
