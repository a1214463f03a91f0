//! Writes the records whose fields are kept in order, as MessagePack, byte for byte as `rmp_serde` writes
//! them. A payment writes a dozen of them, and here each part is one or two pushes onto bytes in memory,
//! where a writer made for files and sockets passes every byte on with a result of its own.

use std::fmt;

use serde::ser::{self, Serialize};

/// Adds the value's bytes to `out`.
pub(super) fn pack<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), Unpackable> {
    value.serialize(&mut Packer { out })
}

/// A value that no record has: a fraction, a list or map of unknown length, or what its own code refuses.
#[derive(Debug)]
pub(super) struct Unpackable;

impl fmt::Display for Unpackable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no record has such a value")
    }
}

impl std::error::Error for Unpackable {}

impl ser::Error for Unpackable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The marks of MessagePack, for both directions.
pub(super) mod mark {
    pub const POSITIVE_MAX: u8 = 0x7F;
    pub const MAP: u8 = 0x80;
    pub const ARRAY: u8 = 0x90;
    pub const TEXT: u8 = 0xA0;
    pub const NIL: u8 = 0xC0;
    pub const FALSE: u8 = 0xC2;
    pub const TRUE: u8 = 0xC3;
    pub const BYTES_8: u8 = 0xC4;
    pub const BYTES_16: u8 = 0xC5;
    pub const BYTES_32: u8 = 0xC6;
    pub const UNSIGNED_8: u8 = 0xCC;
    pub const UNSIGNED_16: u8 = 0xCD;
    pub const UNSIGNED_32: u8 = 0xCE;
    pub const UNSIGNED_64: u8 = 0xCF;
    pub const SIGNED_8: u8 = 0xD0;
    pub const SIGNED_16: u8 = 0xD1;
    pub const SIGNED_32: u8 = 0xD2;
    pub const SIGNED_64: u8 = 0xD3;
    pub const TEXT_8: u8 = 0xD9;
    pub const TEXT_16: u8 = 0xDA;
    pub const TEXT_32: u8 = 0xDB;
    pub const ARRAY_16: u8 = 0xDC;
    pub const ARRAY_32: u8 = 0xDD;
    pub const MAP_16: u8 = 0xDE;
    pub const MAP_32: u8 = 0xDF;
    pub const NEGATIVE_MIN: u8 = 0xE0;
}

struct Packer<'a> {
    out: &'a mut Vec<u8>,
}

impl Packer<'_> {
    /// A mark and the number after it, in one piece.
    fn marked<const N: usize>(&mut self, mark: u8, number: [u8; N]) {
        self.out.push(mark);
        self.out.extend_from_slice(&number);
    }

    fn unsigned(&mut self, value: u64) {
        if let Ok(value) = u8::try_from(value) {
            if value > mark::POSITIVE_MAX {
                self.out.push(mark::UNSIGNED_8);
            }
            self.out.push(value);
        } else if let Ok(value) = u16::try_from(value) {
            self.marked(mark::UNSIGNED_16, value.to_be_bytes());
        } else if let Ok(value) = u32::try_from(value) {
            self.marked(mark::UNSIGNED_32, value.to_be_bytes());
        } else {
            self.marked(mark::UNSIGNED_64, value.to_be_bytes());
        }
    }

    fn negative(&mut self, value: i64) {
        if let Ok(value) = i8::try_from(value) {
            let [byte] = value.to_be_bytes();
            if byte < mark::NEGATIVE_MIN {
                self.out.push(mark::SIGNED_8);
            }
            self.out.push(byte);
        } else if let Ok(value) = i16::try_from(value) {
            self.marked(mark::SIGNED_16, value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.marked(mark::SIGNED_32, value.to_be_bytes());
        } else {
            self.marked(mark::SIGNED_64, value.to_be_bytes());
        }
    }

    /// How long something is, with a mark of its own for short, middling and long.
    fn length(&mut self, length: usize, short: (u8, u8), middling: u8, long: u8) -> Result<(), Unpackable> {
        let (base, below) = short;
        match u8::try_from(length) {
            Ok(few) if few < below => self.out.push(base | few),
            _ => match u16::try_from(length) {
                Ok(length) => self.marked(middling, length.to_be_bytes()),
                Err(_) => self.marked(long, u32::try_from(length).map_err(|_| Unpackable)?.to_be_bytes()),
            },
        }
        Ok(())
    }

    #[inline]
    fn array(&mut self, length: usize) -> Result<(), Unpackable> {
        match u8::try_from(length) {
            Ok(few) if few < 16 => self.out.push(mark::ARRAY | few),
            _ => self.length(length, (mark::ARRAY, 16), mark::ARRAY_16, mark::ARRAY_32)?,
        }
        Ok(())
    }

    #[inline]
    fn text(&mut self, text: &str) -> Result<(), Unpackable> {
        match u8::try_from(text.len()) {
            Ok(length) if length < 32 => self.out.push(mark::TEXT | length),
            Ok(length) => self.marked(mark::TEXT_8, [length]),
            Err(_) => self.length(text.len(), (mark::TEXT, 32), mark::TEXT_16, mark::TEXT_32)?,
        }
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// A variant with something in it: a map of one.
    fn variant(&mut self, variant: &str) -> Result<(), Unpackable> {
        self.out.push(mark::MAP | 1);
        self.text(variant)
    }
}

impl ser::Serializer for &mut Packer<'_> {
    type Ok = ();
    type Error = Unpackable;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unpackable> {
        self.out.push(if value { mark::TRUE } else { mark::FALSE });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Unpackable> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Unpackable> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Unpackable> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Unpackable> {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => self.negative(value),
        }
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Unpackable> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Unpackable> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Unpackable> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Unpackable> {
        self.unsigned(value);
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Result<(), Unpackable> {
        Err(Unpackable)
    }

    fn serialize_f64(self, _: f64) -> Result<(), Unpackable> {
        Err(Unpackable)
    }

    fn serialize_char(self, value: char) -> Result<(), Unpackable> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Unpackable> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unpackable> {
        match u8::try_from(value.len()) {
            Ok(length) => self.marked(mark::BYTES_8, [length]),
            Err(_) => self.length(value.len(), (0, 0), mark::BYTES_16, mark::BYTES_32)?,
        }
        self.out.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unpackable> {
        self.serialize_unit()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Unpackable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unpackable> {
        self.out.push(mark::NIL);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unpackable> {
        self.array(0)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Unpackable> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Result<(), Unpackable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unpackable> {
        self.variant(variant)?;
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Unpackable> {
        self.array(length.ok_or(Unpackable)?)?;
        Ok(self)
    }

    fn serialize_tuple(self, length: usize) -> Result<Self, Unpackable> {
        self.array(length)?;
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Self, Unpackable> {
        self.serialize_tuple(length)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self, Unpackable> {
        self.variant(variant)?;
        self.serialize_tuple(length)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, Unpackable> {
        self.length(length.ok_or(Unpackable)?, (mark::MAP, 16), mark::MAP_16, mark::MAP_32)?;
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Self, Unpackable> {
        self.serialize_tuple(length)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        at: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self, Unpackable> {
        self.serialize_tuple_variant(name, at, variant, length)
    }
}

impl ser::SerializeSeq for &mut Packer<'_> {
    type Ok = ();
    type Error = Unpackable;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Unpackable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unpackable> {
        Ok(())
    }
}

impl ser::SerializeTuple for &mut Packer<'_> {
    type Ok = ();
    type Error = Unpackable;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Unpackable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unpackable> {
        Ok(())
    }
}

impl ser::SerializeTupleStruct for &mut Packer<'_> {
    type Ok = ();
    type Error = Unpackable;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Unpackable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unpackable> {
        Ok(())
    }
}

impl ser::SerializeTupleVariant for &mut Packer<'_> {
    type Ok = ();
    type Error = Unpackable;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Unpackable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unpackable> {
        Ok(())
    }
}

impl ser::SerializeMap for &mut Packer<'_> {
    type Ok = ();
    type Error = Unpackable;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Unpackable> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Unpackable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unpackable> {
        Ok(())
    }
}

impl ser::SerializeStruct for &mut Packer<'_> {
    type Ok = ();
    type Error = Unpackable;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, _: &'static str, value: &T) -> Result<(), Unpackable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unpackable> {
        Ok(())
    }
}

impl ser::SerializeStructVariant for &mut Packer<'_> {
    type Ok = ();
    type Error = Unpackable;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, _: &'static str, value: &T) -> Result<(), Unpackable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unpackable> {
        Ok(())
    }
}
