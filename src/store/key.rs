//! Ordered keys: a sequence of texts and numbers, encoded so that the order of the bytes is the
//! order of the parts, and no part can run into the next one whatever it holds.

use std::fmt;

use serde::{Deserialize, Serialize};

const TEXT: u8 = 0x02;
const NUMBER: u8 = 0x15;
const END: u8 = 0x00;
const ESCAPED: u8 = 0xFF;

/// A key, for example `balance / 600000 / Utility`. The first part names the kind of record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(#[serde(with = "serde_bytes")] Vec<u8>);

impl Key {
    /// The key whose first part is `kind`, or the prefix of all keys of that kind.
    pub fn of(kind: &str) -> Self {
        Self(Vec::with_capacity(48)).text(kind)
    }

    /// This key with one more text part.
    #[must_use]
    pub fn text(mut self, part: &str) -> Self {
        self.0.push(TEXT);
        for &byte in part.as_bytes() {
            self.0.push(byte);
            if byte == END {
                self.0.push(ESCAPED);
            }
        }
        self.0.push(END);
        self
    }

    /// This key with one more number part.
    #[must_use]
    pub fn number(mut self, part: u64) -> Self {
        self.0.push(NUMBER);
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key from bytes that [`Key::as_bytes`] gave.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The parts, decoded; what is no key decodes as far as it goes.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = self.0.as_slice();
        while let Some((part, after)) = next_part(rest) {
            parts.push(part);
            rest = after;
        }
        parts
    }

    /// All keys that begin with this one's parts, itself included.
    pub fn subtree(&self) -> KeyRange {
        // Parts begin with 0x02 or 0x15, so no key of the subtree reaches prefix + 0xFF.
        let mut end = self.0.clone();
        end.push(0xFF);
        KeyRange { from: self.clone(), to: Key(end) }
    }

    /// The smallest key after this one.
    #[must_use]
    pub fn successor(&self) -> Self {
        let mut bytes = self.0.clone();
        bytes.push(0x00);
        Self(bytes)
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
    fn a_key_shows_its_parts() {
        assert_eq!(format!("{:?}", Key::of("balance").text("600000").number(3)), "balance/600000/3");
    }
}
