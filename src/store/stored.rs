//! How a typed record becomes bytes: one byte with the version of its format, then MessagePack.
//!
//! Usual records have the names of their fields beside them, so that an old record can be read by a new
//! version (`#[serde(default)]` for what was added) and a person with a decoder can read any of them.
//! Those that every payment writes have their fields in order instead: half the bytes, and no names to
//! be written and compared. Reading takes both, so a type can become compact with a new format and
//! its old records stay readable; from then on its fields keep their places, and what is added comes
//! last, with a default and a new format.

use std::cell::RefCell;
use std::io::{self, Write};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ReadError, Record};

/// A type that is kept as a record.
pub trait Stored: Serialize + DeserializeOwned {
    /// What it is called in error messages.
    const NAME: &'static str;
    /// The newest version of its format; older ones are read through serde's defaults.
    const FORMAT: u8 = 1;
    /// Whether its fields are kept by name or in order.
    const FIELDS: Fields = Fields::Named;
}

/// How the fields of a record are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Each has its name beside it.
    Named,
    /// By their places.
    InOrder,
}

/// The place of a field that is kept no more, among fields in order: nothing is written there, and what
/// older records have there is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vacant;

impl Serialize for Vacant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Vacant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|IgnoredAny| Self)
    }
}

thread_local! {
    /// Where records are written before their size is known, so that each takes one piece of memory
    /// of just its size.
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch(Vec::new())) };
}

/// Bytes that are written to one by one more often than not: MessagePack is made of markers and short numbers.
struct Scratch(Vec<u8>);

impl Write for Scratch {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match bytes {
            [byte] => self.0.push(*byte),
            _ => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The record's bytes.
pub fn encode<T: Stored>(value: &T) -> Vec<u8> {
    encode_as::<T>(value)
}

/// The bytes of a record of the type `T`, from something else that is written just as a `T` is: for who
/// has its parts in several places and would have to copy them together first.
pub fn encode_as<T: Stored>(value: &impl Serialize) -> Vec<u8> {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => encoded_with::<T>(&mut scratch, value),
        // A value that has another one encoded while it is written.
        Err(_) => encoded_with::<T>(&mut Scratch(Vec::new()), value),
    })
}

fn encoded_with<T: Stored>(scratch: &mut Scratch, value: &impl Serialize) -> Vec<u8> {
    scratch.0.clear();
    scratch.0.push(T::FORMAT);
    // Writing to memory fails only for maps of unknown length, which no record has; an empty body
    // would be refused by `decode`, so it could not be taken for a value.
    let mut serializer = rmp_serde::Serializer::new(&mut *scratch);
    let written = match T::FIELDS {
        Fields::Named => value.serialize(&mut serializer.with_struct_map()),
        Fields::InOrder => value.serialize(&mut serializer),
    };
    if written.is_err() {
        scratch.0.truncate(1);
    }
    let bytes = scratch.0.as_slice().to_vec();
    if scratch.0.capacity() > SCRATCH_BYTES_MAX {
        scratch.0 = Vec::new();
    }
    bytes
}

/// A larger scratch than this, which no usual record needs, is not kept.
const SCRATCH_BYTES_MAX: usize = 64 * 1024;

/// The value in a record's bytes.
pub fn decode<T: Stored>(record: &Record) -> Result<T, ReadError> {
    decode_as::<T, T>(record)
}

/// What a record of the type `T` holds, read as something that has the same parts in the same order but does
/// not keep all of them: for who only looks at one.
pub fn decode_as<'a, T: Stored, V: Deserialize<'a>>(record: &'a Record) -> Result<V, ReadError> {
    match record.value.split_first() {
        Some((&format, body)) if format <= T::FORMAT => {
            rmp_serde::from_slice(body).map_err(|error| ReadError(format!("a record is no {}: {error}", T::NAME)))
        }
        Some((format, _)) => Err(ReadError(format!(
            "a record of {} has format {format}, newer than this program's {}",
            T::NAME,
            T::FORMAT
        ))),
        None => Err(ReadError(format!("a record of {} is empty", T::NAME))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Old {
        name: String,
    }

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct New {
        name: String,
        #[serde(default)]
        age: u32,
    }

    impl Stored for Old {
        const NAME: &'static str = "person";
    }

    impl Stored for New {
        const NAME: &'static str = "person";
        const FORMAT: u8 = 2;
    }

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Compact {
        name: String,
        #[serde(default)]
        age: u32,
        #[serde(default)]
        town: String,
    }

    impl Stored for Compact {
        const NAME: &'static str = "person";
        const FORMAT: u8 = 3;
        const FIELDS: Fields = Fields::InOrder;
    }

    fn record(value: Vec<u8>) -> Record {
        Record { version: 1, value: Bytes::from(value), captured: Vec::new() }
    }

    #[test]
    fn a_record_has_its_own_bytes_whatever_was_written_before_it() {
        for length in [10, SCRATCH_BYTES_MAX, 0, 3] {
            let old = Old { name: "x".repeat(length) };
            assert_eq!(decode::<Old>(&record(encode(&old))), Ok(old));
        }
    }

    #[test]
    fn an_old_record_is_read_by_a_new_version_and_not_the_other_way_round() {
        let old = record(encode(&Old { name: "Amina".into() }));
        assert_eq!(decode::<New>(&old), Ok(New { name: "Amina".into(), age: 0 }));
        let new = record(encode(&New { name: "Amina".into(), age: 3 }));
        assert!(decode::<Old>(&new).unwrap_err().0.contains("newer"));
        assert!(decode::<New>(&record(Vec::new())).is_err());
    }

    #[test]
    fn a_compact_type_reads_its_records_from_before_and_those_of_fewer_fields() {
        let compact = |age, town: &str| Compact { name: "Amina".into(), age, town: town.into() };
        let named = record(encode(&New { name: "Amina".into(), age: 3 }));
        assert_eq!(decode::<Compact>(&named), Ok(compact(3, "")));
        let bytes = encode(&compact(3, "Lamu"));
        assert_eq!(bytes, b"\x03\x93\xA5Amina\x03\xA4Lamu");
        assert_eq!(decode::<Compact>(&record(bytes)), Ok(compact(3, "Lamu")));
        assert_eq!(decode::<Compact>(&record(b"\x03\x91\xA5Amina".to_vec())), Ok(compact(0, "")));
    }
}
