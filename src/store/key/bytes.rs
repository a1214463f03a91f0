//! The bytes of a key: in place, where they are few, so that usual keys are made, copied and compared without
//! going to the heap.

use super::{END, TEXT};

/// The most bytes that are kept in place: with them, their number and the place of longer ones a key fills one
/// cache line, and all but those with names of other people's making in them are shorter.
pub(super) const SHORT_BYTES: usize = 55;

/// The bytes of a key. A decision makes and copies dozens: one plain block is copied in a few moves, where two
/// variants are taken apart and put together again each time.
pub(super) struct Bytes {
    /// Those that are so few that they are kept in place.
    short: [u8; SHORT_BYTES],
    /// How many of them there are.
    length: u8,
    /// All of them, if they are more.
    long: Option<Box<Long>>,
}

/// The bytes of a long key.
#[derive(Clone)]
struct Long(Vec<u8>);

impl Clone for Bytes {
    #[inline]
    fn clone(&self) -> Self {
        let long = self.long.as_deref().map(Self::copied);
        Self { short: self.short, length: self.length, long }
    }
}

impl Bytes {
    /// No bytes.
    pub(super) const EMPTY: Self = Self::short([0; SHORT_BYTES], 0);

    /// The first bytes of a block.
    pub(super) const fn short(short: [u8; SHORT_BYTES], length: u8) -> Self {
        Self { short, length, long: None }
    }

    #[cold]
    fn copied(long: &Long) -> Box<Long> {
        Box::new(long.clone())
    }

    /// All of them.
    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        match &self.long {
            // The length never exceeds the array: it grows in pushing alone.
            None => self.short.get(..usize::from(self.length)).unwrap_or_default(),
            Some(long) => &long.0,
        }
    }

    /// Where the next bytes have their place, if there is any left here.
    #[inline]
    fn free(&mut self) -> Option<&mut [u8]> {
        match self.long {
            None => self.short.get_mut(usize::from(self.length)..),
            Some(_) => None,
        }
    }

    /// Counts bytes that were written where they have their place, of which there are never more than fit.
    #[inline]
    fn count(&mut self, more: usize) {
        self.length = self.length.saturating_add(u8::try_from(more).unwrap_or(u8::MAX));
    }

    /// Adds bytes.
    pub(super) fn push(&mut self, more: &[u8]) {
        if let Some(place) = self.free().and_then(|free| free.get_mut(..more.len())) {
            place.copy_from_slice(more);
            self.count(more.len());
            return;
        }
        match &mut self.long {
            Some(long) => long.0.extend_from_slice(more),
            None => self.long = Some(Box::new(Long([self.as_slice(), more].concat()))),
        }
    }

    /// Adds the first bytes of a block, if all of it has room in place. Copying a whole block, whose size is
    /// known when the program is compiled, takes two instructions; what is beyond the length is not there.
    #[inline]
    pub(super) fn push_block<const N: usize>(&mut self, block: &[u8; N], used: usize) -> bool {
        let Some(place) = self.free().and_then(<[u8]>::first_chunk_mut::<N>) else { return false };
        *place = *block;
        self.count(used.min(N));
        true
    }

    /// The same with the bytes of a key that are few.
    #[inline]
    pub(super) fn push_short(&mut self, other: &Self) -> bool {
        const FEW: usize = 16;
        let used = usize::from(other.length);
        match other.short.first_chunk::<FEW>() {
            Some(block) if other.long.is_none() && used <= FEW => self.push_block(block, used),
            _ => false,
        }
    }

    /// Adds a text part, the first bytes of a block, likewise.
    #[inline]
    pub(super) fn push_plain_text<const N: usize>(&mut self, block: &[u8; N], used: usize) -> bool {
        let Some((first, rest)) = self.free().and_then(<[u8]>::split_first_mut) else { return false };
        let Some(place) = rest.first_chunk_mut::<N>() else { return false };
        *place = *block;
        let Some(last) = rest.get_mut(used) else { return false };
        (*first, *last) = (TEXT, END);
        self.count(used.saturating_add(2));
        true
    }

    /// Adds a text part, if it is a usual one: it fits in place, and has no byte to be escaped. Keys are
    /// made dozens of times in a decision, so this looks at each byte once.
    pub(super) fn push_usual_text(&mut self, part: &[u8]) -> bool {
        let whole = part.len().saturating_add(2);
        let Some([first, between @ .., last]) = self.free().and_then(|free| free.get_mut(..whole)) else {
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
        (*first, *last) = (TEXT, END);
        self.count(whole);
        true
    }
}
