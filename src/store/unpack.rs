//! Reads the records whose fields are kept in order, as [`pack`](super::pack) and `rmp_serde` write them.
//! Texts are borrowed from the record, and identifiers and names of variants are handed on as bytes, which
//! nobody need look through before they are compared.

use std::fmt;

use serde::de::{self, DeserializeSeed, Visitor};
use serde::forward_to_deserialize_any;

use super::pack::mark;

/// The value in these bytes, which hold nothing else.
pub(super) fn unpack<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Misfit> {
    let mut unpacker = Unpacker { rest: bytes, depth: 0 };
    let value = T::deserialize(&mut unpacker)?;
    if unpacker.rest.is_empty() { Ok(value) } else { Err(misfit("there is more after it")) }
}

/// Why bytes are not the value that was asked for. Small, since every part that is read may have one.
#[derive(Debug)]
pub(super) struct Misfit(Box<str>);

#[cold]
fn misfit(what: &str) -> Misfit {
    Misfit(what.into())
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    #[cold]
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self(what.to_string().into())
    }
}

/// How deep lists and maps may lie in each other; records are a handful deep.
const DEPTH_MAX: u8 = 32;

struct Unpacker<'de> {
    rest: &'de [u8],
    depth: u8,
}

/// What comes next, with its length where it has one.
enum Next<'de> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Text(&'de [u8]),
    Bytes(&'de [u8]),
    Array(usize),
    Map(usize),
}

impl<'de> Unpacker<'de> {
    fn next(&mut self) -> Result<Next<'de>, Misfit> {
        let (&first, rest) = self.rest.split_first().ok_or_else(|| misfit("it ends too early"))?;
        self.rest = rest;
        Ok(match first {
            0..=mark::POSITIVE_MAX => Next::Unsigned(first.into()),
            mark::MAP..mark::ARRAY => Next::Map(usize::from(first & 0x0F)),
            mark::ARRAY..mark::TEXT => Next::Array(usize::from(first & 0x0F)),
            mark::TEXT..mark::NIL => Next::Text(self.take(usize::from(first & 0x1F))?),
            mark::NIL => Next::Nil,
            mark::FALSE => Next::Bool(false),
            mark::TRUE => Next::Bool(true),
            mark::UNSIGNED_8 => Next::Unsigned(self.number::<1>()?),
            mark::UNSIGNED_16 => Next::Unsigned(self.number::<2>()?),
            mark::UNSIGNED_32 => Next::Unsigned(self.number::<4>()?),
            mark::UNSIGNED_64 => Next::Unsigned(self.number::<8>()?),
            mark::SIGNED_8 => Next::Signed(i8::from_be_bytes(self.bytes()?).into()),
            mark::SIGNED_16 => Next::Signed(i16::from_be_bytes(self.bytes()?).into()),
            mark::SIGNED_32 => Next::Signed(i32::from_be_bytes(self.bytes()?).into()),
            mark::SIGNED_64 => Next::Signed(i64::from_be_bytes(self.bytes()?)),
            mark::TEXT_8 => Next::Text(self.sized::<1>()?),
            mark::TEXT_16 => Next::Text(self.sized::<2>()?),
            mark::TEXT_32 => Next::Text(self.sized::<4>()?),
            mark::BYTES_8 => Next::Bytes(self.sized::<1>()?),
            mark::BYTES_16 => Next::Bytes(self.sized::<2>()?),
            mark::BYTES_32 => Next::Bytes(self.sized::<4>()?),
            mark::ARRAY_16 => Next::Array(self.length::<2>()?),
            mark::ARRAY_32 => Next::Array(self.length::<4>()?),
            mark::MAP_16 => Next::Map(self.length::<2>()?),
            mark::MAP_32 => Next::Map(self.length::<4>()?),
            mark::NEGATIVE_MIN.. => Next::Signed(i8::from_be_bytes([first]).into()),
            _ => return Err(misfit("no record has such a value")),
        })
    }

    /// The bytes of a text. Most are short, and need no look at all the other things that could come.
    #[inline]
    fn text(&mut self) -> Result<&'de [u8], Misfit> {
        match self.rest.split_first() {
            Some((&first, rest)) if first & SHORT_TEXT_BITS == mark::TEXT => {
                self.rest = rest;
                self.take(usize::from(first & !SHORT_TEXT_BITS))
            }
            _ => match self.next()? {
                Next::Text(text) => Ok(text),
                _ => Err(misfit("it should be a text")),
            },
        }
    }

    /// A list or a map, for things that have parts; most are short lists.
    #[inline]
    fn parts<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Misfit> {
        if let Some((&first, rest)) = self.rest.split_first()
            && first & SHORT_ARRAY_BITS == mark::ARRAY
        {
            self.rest = rest;
            return self.within(usize::from(first & !SHORT_ARRAY_BITS), |parts| visitor.visit_seq(parts));
        }
        match self.next()? {
            Next::Array(length) => self.within(length, |parts| visitor.visit_seq(parts)),
            Next::Map(length) => self.within(length, |parts| visitor.visit_map(parts)),
            _ => Err(misfit("it should have parts")),
        }
    }

    fn integer<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Misfit> {
        match self.next()? {
            Next::Unsigned(value) => visitor.visit_u64(value),
            Next::Signed(value) => visitor.visit_i64(value),
            _ => Err(misfit("it should be a number")),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'de [u8], Misfit> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| misfit("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Misfit> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| misfit("it ends too early"))?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn number<const N: usize>(&mut self) -> Result<u64, Misfit> {
        let bytes = self.bytes::<N>()?;
        Ok(bytes.iter().fold(0, |number, &byte| (number << 8) | u64::from(byte)))
    }

    fn length<const N: usize>(&mut self) -> Result<usize, Misfit> {
        usize::try_from(self.number::<N>()?).map_err(|_| misfit("it is too long"))
    }

    fn sized<const N: usize>(&mut self) -> Result<&'de [u8], Misfit> {
        let length = self.length::<N>()?;
        self.take(length)
    }

    fn hand_to<V: Visitor<'de>>(&mut self, next: Next<'de>, visitor: V) -> Result<V::Value, Misfit> {
        match next {
            Next::Nil => visitor.visit_unit(),
            Next::Bool(value) => visitor.visit_bool(value),
            Next::Unsigned(value) => visitor.visit_u64(value),
            Next::Signed(value) => visitor.visit_i64(value),
            Next::Text(text) => visitor.visit_borrowed_str(utf8(text)?),
            Next::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Next::Array(length) => self.within(length, |parts| visitor.visit_seq(parts)),
            Next::Map(length) => self.within(length, |parts| visitor.visit_map(parts)),
        }
    }

    /// Passes over a value with all that is in it.
    fn skip(&mut self) -> Result<(), Misfit> {
        let mut left = 1_usize;
        while let Some(others) = left.checked_sub(1) {
            let within = match self.next()? {
                Next::Array(length) => length,
                Next::Map(length) => length.saturating_mul(2),
                _ => 0,
            };
            // Each part is a byte at least, so no more of them are ever found than memory holds.
            left = others.saturating_add(within);
        }
        Ok(())
    }

    /// Reads a list or map to its end.
    fn within<T>(
        &mut self,
        length: usize,
        read: impl FnOnce(&mut Parts<'_, 'de>) -> Result<T, Misfit>,
    ) -> Result<T, Misfit> {
        if self.depth >= DEPTH_MAX {
            return Err(misfit("it is too deep"));
        }
        self.depth = self.depth.saturating_add(1);
        let mut parts = Parts { unpacker: self, left: length };
        let value = read(&mut parts)?;
        if parts.left > 0 {
            return Err(misfit("it has more parts than it should"));
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(value)
    }
}

/// The bits by which a short text and a short list are told from anything else.
const SHORT_TEXT_BITS: u8 = 0xE0;
const SHORT_ARRAY_BITS: u8 = 0xF0;

fn utf8(bytes: &[u8]) -> Result<&str, Misfit> {
    std::str::from_utf8(bytes).map_err(|_| misfit("a text is no UTF-8"))
}

impl<'de> de::Deserializer<'de> for &mut Unpacker<'de> {
    type Error = Misfit;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let next = self.next()?;
        self.hand_to(next, visitor)
    }

    /// Texts too are handed on as bytes, to whoever looks at each of them anyway.
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.rest.first().is_some_and(|first| first & SHORT_TEXT_BITS == mark::TEXT) {
            return visitor.visit_borrowed_bytes(self.text()?);
        }
        match self.next()? {
            Next::Text(bytes) | Next::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            next => self.hand_to(next, visitor),
        }
    }

    /// The name of a variant or, in records from before, of a field.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_borrowed_bytes(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.rest.split_first() {
            Some((&mark::NIL, rest)) => {
                self.rest = rest;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        const ONE: u8 = mark::MAP | 1;
        match self.rest.split_first() {
            Some((&ONE, rest)) => {
                self.rest = rest;
                visitor.visit_enum(Full(self))
            }
            _ => visitor.visit_enum(Empty(self)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_borrowed_str(utf8(self.text()?)?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.integer(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.integer(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.parts(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.parts(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.parts(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u32 u128 f32 f64 char byte_buf unit unit_struct tuple_struct map
    }
}

/// The parts of a list or map.
struct Parts<'a, 'de> {
    unpacker: &'a mut Unpacker<'de>,
    left: usize,
}

impl<'de> Parts<'_, 'de> {
    fn part<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Misfit> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.unpacker).map(Some)
    }
}

impl<'de> de::SeqAccess<'de> for &mut Parts<'_, 'de> {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Misfit> {
        self.part(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> de::MapAccess<'de> for &mut Parts<'_, 'de> {
    type Error = Misfit;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Misfit> {
        self.part(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        seed.deserialize(&mut *self.unpacker)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// A variant without anything in it: its name.
struct Empty<'a, 'de>(&'a mut Unpacker<'de>);

impl<'de> de::EnumAccess<'de> for Empty<'_, 'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Misfit> {
        Ok((seed.deserialize(&mut *self.0)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Empty<'_, 'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Misfit> {
        Err(misfit("a variant has nothing in it"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Misfit> {
        Err(misfit("a variant has nothing in it"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Misfit> {
        Err(misfit("a variant has nothing in it"))
    }
}

/// A variant with something in it: a map of one.
struct Full<'a, 'de>(&'a mut Unpacker<'de>);

impl<'de> de::EnumAccess<'de> for Full<'_, 'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Misfit> {
        Ok((seed.deserialize(&mut *self.0)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Full<'_, 'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        de::Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Misfit> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_any(self.0, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_any(self.0, visitor)
    }
}
