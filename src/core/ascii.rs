//! Short texts of a bounded length that are kept in place: a decision copies the names of its
//! parties many times, and none of these copies should go to the heap.

use crate::store::Key;

/// At most `N` ASCII characters, none of them NUL. They compare as texts do: the unused rest is
/// zeros. With a multiple of sixteen they are looked through fastest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ascii<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Ascii<N> {
    const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    /// This text; none if it is too long or has other characters.
    pub fn of(text: &str) -> Option<Self> {
        Self::of_bytes(text.as_bytes())
    }

    /// The text of these bytes, likewise.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        Self::of_such(bytes, |byte| byte.is_ascii() && byte != 0)
    }

    /// The text of these digits; none if they are too many, or something else is among them.
    pub fn of_digits(bytes: &[u8]) -> Option<Self> {
        Self::of_such(bytes, |byte| byte.is_ascii_digit())
    }

    #[inline]
    fn of_such(bytes: &[u8], admits: impl Fn(u8) -> bool) -> Option<Self> {
        let mut text = Self::EMPTY;
        // One pass: what cannot be admitted makes all of it void.
        let mut admitted = true;
        for (place, &byte) in text.bytes.get_mut(..bytes.len())?.iter_mut().zip(bytes) {
            admitted &= admits(byte);
            *place = byte;
        }
        text.length = bytes.len();
        admitted.then_some(text)
    }

    /// The text of these characters, which fill it; they must be ASCII, none of them NUL.
    pub const fn full(bytes: [u8; N]) -> Self {
        Self { bytes, length: N }
    }

    /// This text and another one; none if both together are too long.
    pub fn and(mut self, more: &str) -> Option<Self> {
        let admitted = more.bytes().all(|byte| byte.is_ascii() && byte != 0);
        let end = self.length.checked_add(more.len()).filter(|_| admitted)?;
        self.bytes.get_mut(self.length..end)?.copy_from_slice(more.as_bytes());
        self.length = end;
        Some(self)
    }

    /// The first bytes of a block; they must be ASCII, none of them NUL, and zeros must follow.
    pub const fn padded(bytes: [u8; N], length: usize) -> Self {
        Self { bytes, length }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only ASCII comes in. All of it is looked through, zeros and all, since that goes by words where a
        // text of an odd length goes byte by byte.
        std::str::from_utf8(&self.bytes).ok().and_then(|text| text.get(..self.length)).unwrap_or_default()
    }

    /// Its bytes with zeros after them, and how many of them are its own.
    pub fn block(&self) -> (&[u8; N], usize) {
        (&self.bytes, self.length)
    }

    /// This key with the text after its own parts.
    pub fn under(&self, key: &Key) -> Key {
        key.plain_text(&self.bytes, self.length)
    }

    /// The same, and the parts of another key after it.
    pub fn between(&self, key: &Key, parts: &Key) -> Key {
        key.plain_text_and(&self.bytes, self.length, parts)
    }

    /// Its bytes, for whoever does not need them to be looked at once more.
    pub fn as_bytes(&self) -> &[u8] {
        // The length is never above `N`.
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_fits_up_to_its_length_and_not_beyond() {
        assert_eq!(Ascii::<5>::of("12345").unwrap().as_str(), "12345");
        assert!(Ascii::<5>::of("123456").is_none());
        assert!(Ascii::<5>::of("123").unwrap().and("45").is_some());
        assert!(Ascii::<5>::of("123").unwrap().and("456").is_none());
        assert_eq!(Ascii::full(*b"12345").as_str(), "12345");
    }

    #[test]
    fn other_characters_are_not_taken() {
        assert!(Ascii::<8>::of("٣").is_none());
        assert!(Ascii::<8>::of("a\0").is_none());
    }

    proptest! {
        #[test]
        fn they_order_as_texts(one in "[ -~]{0,8}", other in "[ -~]{0,8}") {
            let texts = (Ascii::<8>::of(&one).unwrap(), Ascii::<8>::of(&other).unwrap());
            prop_assert_eq!(texts.0.cmp(&texts.1), one.cmp(&other));
        }
    }
}
