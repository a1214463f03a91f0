//! How a typed record becomes bytes: one byte with the version of its format, then MessagePack with
//! the fields' names, so that an old record can be read by a new version (`#[serde(default)]` for
//! what was added) and a person with a decoder can read any of them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ReadError, Record};

/// A type that is kept as a record.
pub trait Stored: Serialize + DeserializeOwned {
    /// What it is called in error messages.
    const NAME: &'static str;
    /// The newest version of its format; older ones are read through serde's defaults.
    const FORMAT: u8 = 1;
}

/// The record's bytes.
pub fn encode<T: Stored>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    bytes.push(T::FORMAT);
    // Writing to memory fails only for maps of unknown length, which no record has; an empty body
    // would be refused by `decode`, so it could not be taken for a value.
    if rmp_serde::encode::write_named(&mut bytes, value).is_err() {
        bytes.truncate(1);
    }
    bytes
}

/// The value in a record's bytes.
pub fn decode<T: Stored>(record: &Record) -> Result<T, ReadError> {
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
    use serde::Deserialize;

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

    fn record(value: Vec<u8>) -> Record {
        Record { version: 1, value: Bytes::from(value), captured: Vec::new() }
    }

    #[test]
    fn an_old_record_is_read_by_a_new_version_and_not_the_other_way_round() {
        let old = record(encode(&Old { name: "Amina".into() }));
        assert_eq!(decode::<New>(&old), Ok(New { name: "Amina".into(), age: 0 }));
        let new = record(encode(&New { name: "Amina".into(), age: 3 }));
        assert!(decode::<Old>(&new).unwrap_err().0.contains("newer"));
        assert!(decode::<New>(&record(Vec::new())).is_err());
    }
}
