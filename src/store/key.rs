//! Ordered keys: a sequence of texts and numbers, encoded so that the order of the bytes is the
//! order of the parts, and no part can run into the next one whatever it holds.
//!
//! A decision makes dozens of keys, so the bytes of usual ones are kept in place.

mod bytes;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::bytes::{Bytes, SHORT_BYTES};

const TEXT: u8 = 0x02;
const NUMBER: u8 = 0x15;
const END: u8 = 0x00;
const ESCAPED: u8 = 0xFF;

/// A key, for example `balance / 600000 / Utility`. The first part names the kind of record.
#[derive(Clone)]
pub struct Key(Bytes);

impl Key {
    /// The key whose first part is `kind`, or the prefix of all keys of that kind.
    pub fn of(kind: &str) -> Self {
        Self(Bytes::EMPTY).text(kind)
    }

    /// The key of these text parts, made when the program is compiled: for the beginnings of keys that
    /// are needed again and again. They must fit in place and have no NUL, or it does not compile.
    pub const fn constant(parts: &[&str]) -> Self {
        let mut bytes = [0; SHORT_BYTES];
        let mut free: &mut [u8] = &mut bytes;
        let mut parts = parts;
        while let Some((part, later)) = parts.split_first() {
            free = placed(free, TEXT);
            let mut text = part.as_bytes();
            while let Some((&byte, rest)) = text.split_first() {
                assert!(byte != END, "a constant key has no NUL");
                free = placed(free, byte);
                text = rest;
            }
            free = placed(free, END);
            parts = later;
        }
        // The array is shorter than what a byte counts.
        let length = SHORT_BYTES.saturating_sub(free.len()) as u8;
        Self(Bytes::short(bytes, length))
    }

    /// This key with the parts of another one after its own.
    #[must_use]
    #[inline]
    pub fn followed_by(&self, parts: &Self) -> Self {
        let mut key = self.clone();
        key.append(parts);
        key
    }

    /// Adds the parts of another key after this one's own.
    #[inline]
    pub fn append(&mut self, parts: &Self) {
        if !self.0.push_short(&parts.0) {
            self.0.push(parts.as_bytes());
        }
    }

    /// This key with one more text part, which is the first `length` bytes of a block and has no NUL in it:
    /// for identifiers, which are kept in blocks and have been looked through.
    #[must_use]
    #[inline]
    pub fn plain_text<const N: usize>(&self, block: &[u8; N], length: usize) -> Self {
        let mut key = self.clone();
        key.push_plain_text(block, length);
        key
    }

    /// The same, and the parts of another key after it: at once, since a key that was just made is slow to copy.
    #[must_use]
    #[inline]
    pub fn plain_text_and<const N: usize>(&self, block: &[u8; N], length: usize, parts: &Self) -> Self {
        let mut key = self.clone();
        key.push_plain_text(block, length);
        key.append(parts);
        key
    }

    #[inline]
    fn push_plain_text<const N: usize>(&mut self, block: &[u8; N], length: usize) {
        debug_assert!(block.iter().take(length).all(|&byte| byte != END), "an identifier has no NUL");
        if !self.0.push_plain_text(block, length) {
            self.push_text(block.get(..length).unwrap_or_default());
        }
    }

    /// This key with one more text part.
    #[must_use]
    #[inline]
    pub fn text(self, part: &str) -> Self {
        self.text_of(part.as_bytes())
    }

    /// The same with the bytes of a text, for whoever has no more than that.
    #[must_use]
    #[inline]
    pub fn text_of(mut self, part: &[u8]) -> Self {
        if !self.0.push_usual_text(part) {
            self.push_text(part);
        }
        self
    }

    /// Adds any text part. Where usual ones are made it is out of the way, lest they be moved about for it.
    #[cold]
    fn push_text(&mut self, part: &[u8]) {
        self.0.push(&[TEXT]);
        if part.contains(&END) {
            for piece in part.split_inclusive(|&byte| byte == END) {
                self.0.push(piece);
                if piece.ends_with(&[END]) {
                    self.0.push(&[ESCAPED]);
                }
            }
        } else {
            self.0.push(part);
        }
        self.0.push(&[END]);
    }

    /// This key with one more number part.
    #[must_use]
    #[inline]
    pub fn number(mut self, part: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = part.to_be_bytes();
        let block = [NUMBER, a, b, c, d, e, f, g, h];
        if !self.0.push_block(&block, block.len()) {
            self.0.push(&block);
        }
        self
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// A key from bytes that [`Key::as_bytes`] gave.
    pub fn from_bytes(bytes: impl AsRef<[u8]>) -> Self {
        Self(Bytes::EMPTY).and(bytes.as_ref())
    }

    /// This key with bytes after it that are no part.
    fn and(mut self, bytes: &[u8]) -> Self {
        self.0.push(bytes);
        self
    }

    /// The parts, decoded; what is no key decodes as far as it goes.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = self.as_bytes();
        while let Some((part, after)) = next_part(rest) {
            parts.push(part);
            rest = after;
        }
        parts
    }

    /// All keys that begin with this one's parts, itself included.
    pub fn subtree(&self) -> KeyRange {
        // Parts begin with 0x02 or 0x15, so no key of the subtree reaches prefix + 0xFF.
        KeyRange { from: self.clone(), to: self.clone().and(&[0xFF]) }
    }

    /// The smallest key after this one.
    #[must_use]
    pub fn successor(&self) -> Self {
        self.clone().and(&[0x00])
    }
}

/// Writes a byte at the first free place, and gives the places after it.
const fn placed(free: &mut [u8], byte: u8) -> &mut [u8] {
    match free.split_first_mut() {
        Some((place, after)) => {
            *place = byte;
            after
        }
        None => panic!("a constant key fits in place"),
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Alone in what is hashed, so its length need not be told from what follows.
        state.write(self.as_bytes());
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_bytes::ByteBuf::deserialize(deserializer).map(Self::from_bytes)
    }
}

/// One part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
}

fn next_part(bytes: &[u8]) -> Option<(Part, &[u8])> {
    match bytes.split_first()? {
        (&NUMBER, rest) => {
            let (digits, rest) = rest.split_first_chunk::<8>()?;
            Some((Part::Number(u64::from_be_bytes(*digits)), rest))
        }
        (&TEXT, mut rest) => {
            let mut text = Vec::new();
            loop {
                let (&byte, after) = rest.split_first()?;
                match (byte, after.split_first()) {
                    (END, Some((&ESCAPED, after))) => {
                        text.push(END);
                        rest = after;
                    }
                    (END, _) => return Some((Part::Text(String::from_utf8_lossy(&text).into_owned()), after)),
                    _ => {
                        text.push(byte);
                        rest = after;
                    }
                }
            }
        }
        _ => None,
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts().iter().enumerate() {
            if at > 0 {
                f.write_str("/")?;
            }
            match part {
                Part::Text(text) => write!(f, "{}", text.escape_debug())?,
                Part::Number(number) => write!(f, "{number}")?,
            }
        }
        Ok(())
    }
}

/// The keys from `from` (included) to `to` (excluded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub from: Key,
    /// The first key after the range.
    pub to: Key,
}

impl KeyRange {
    /// The part of this range that comes after `key`.
    #[must_use]
    pub fn after(&self, key: &Key) -> Self {
        Self { from: key.successor().max(self.from.clone()), to: self.to.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_order_as_their_parts_and_decode(a in ".*", b in ".*", m: u64, n: u64) {
            let (x, y) = (Key::of("k").text(&a).number(m), Key::of("k").text(&b).number(n));
            prop_assert_eq!(x.cmp(&y), (a.as_bytes(), m).cmp(&(b.as_bytes(), n)));
            prop_assert_eq!(x.parts(), vec![Part::Text("k".into()), Part::Text(a), Part::Number(m)]);
        }

        #[test]
        fn a_subtree_holds_its_own_and_nothing_else(a in ".*", b in ".*", n: u64) {
            let range = Key::of("k").text(&a).subtree();
            let key = Key::of("k").text(&b).number(n);
            prop_assert_eq!(range.from <= key && key < range.to, a == b);
        }
    }

    #[test]
    fn a_key_is_the_same_whether_it_is_kept_in_place_or_not() {
        for length in SHORT_BYTES - 9..SHORT_BYTES + 9 {
            let text = "x".repeat(length);
            let expected = [&[TEXT, b'k', END, TEXT], text.as_bytes(), &[END, NUMBER, 0, 0, 0, 0, 0, 0, 1, 2]].concat();
            let key = Key::of("k").text(&text).number(258);
            assert_eq!(key.as_bytes(), expected);
            assert_eq!(Key::from_bytes(&expected), key);
            assert_eq!(Key::from_bytes(&expected).number(3), key.clone().number(3));
            assert_eq!(rmp_serde::from_slice::<Key>(&rmp_serde::to_vec(&key).unwrap()).unwrap(), key);
        }
    }

    #[test]
    fn a_block_makes_the_key_that_its_text_makes_as_long_as_there_is_room_and_beyond() {
        let block = *b"254722000000\x07\x07\x07\x07";
        for length in 0..SHORT_BYTES + 4 {
            let before = Key::of(&"x".repeat(length));
            assert_eq!(before.plain_text(&block, 12), before.clone().text("254722000000"), "{length}");
            let more = Key::constant(&["working"]);
            assert_eq!(before.followed_by(&more), before.clone().text("working"), "{length}");
            let both = before.plain_text_and(&block, 12, &more);
            assert_eq!(both, before.clone().text("254722000000").text("working"), "{length}");
            assert_eq!(before.clone().number(7).parts().last(), Some(&Part::Number(7)), "{length}");
        }
    }

    #[test]
    fn a_key_made_at_compile_time_is_the_one_made_at_run_time() {
        const CONSTANT: Key = Key::constant(&["balance", "provider", ""]);
        assert_eq!(CONSTANT, Key::of("balance").text("provider").text(""));
        let more = Key::constant(&["utility"]);
        assert_eq!(CONSTANT.followed_by(&more), CONSTANT.text("utility"));
        assert_eq!(Key::constant(&["available"]).text("x\0").number(3), Key::of("available").text("x\0").number(3));
    }

    #[test]
    fn a_key_shows_its_parts() {
        assert_eq!(format!("{:?}", Key::of("balance").text("600000").number(3)), "balance/600000/3");
    }
}
