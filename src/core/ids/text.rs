//! Identifiers that are texts: how they are read, kept and shown.

use std::fmt;
use std::marker::PhantomData;

use serde::de;

use super::IdError;

/// An identifier that is shown as its text and stored as the bytes of it (as a text before, which is read as
/// well), whose form is checked when it comes in again.
pub(in crate::core) trait TextId: Sized {
    /// Reads it as people write it.
    fn read(text: &str) -> Result<Self, IdError>;

    /// Reads the bytes of a text in the one form in which it is stored; none if they are not in that form.
    fn of_bytes(bytes: &[u8]) -> Option<Self>;
}

macro_rules! text_id {
    ($name:ident) => {
        impl $name {
            /// This key with the identifier after its own parts.
            pub(in $crate::core) fn under(&self, key: &$crate::store::Key) -> $crate::store::Key {
                self.0.under(key)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                $crate::core::ids::TextId::read(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // Bytes need not be looked through for what is no UTF-8 when they are read.
                if serializer.is_human_readable() {
                    serializer.serialize_str(self.as_str())
                } else {
                    serializer.serialize_bytes(self.0.as_bytes())
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_bytes($crate::core::ids::TextVisitor(std::marker::PhantomData))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(in crate::core) use text_id;

/// Reads an identifier from a text without a copy of it.
pub(in crate::core) struct TextVisitor<T>(pub PhantomData<T>);

impl<T: TextId> de::Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an identifier")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(E::custom)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        match T::of_bytes(bytes) {
            Some(id) => Ok(id),
            None => self.visit_str(std::str::from_utf8(bytes).map_err(E::custom)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::core::ids::{ConversationId, Msisdn, Receipt, Shortcode};

    #[test]
    fn identifiers_are_kept_as_bytes_and_read_as_texts_as_well() {
        fn assert_read<T: TextId + Serialize + for<'de> Deserialize<'de> + PartialEq + fmt::Debug>(text: &str) {
            let id = T::read(text).unwrap();
            let bytes = rmp_serde::to_vec(&id).unwrap();
            assert_eq!(bytes, rmp_serde::to_vec(serde_bytes::Bytes::new(text.as_bytes())).unwrap());
            for form in [bytes, rmp_serde::to_vec(text).unwrap()] {
                assert_eq!(rmp_serde::from_slice::<T>(&form).unwrap(), id);
            }
            assert_eq!(serde_json::from_str::<T>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
            assert_eq!(serde_json::to_value(&id).unwrap(), text);
            let wrong = serde_bytes::Bytes::new(b"6000\xFF");
            assert!(rmp_serde::from_slice::<T>(&rmp_serde::to_vec(&wrong).unwrap()).is_err());
        }
        assert_read::<Shortcode>("600000");
        assert_read::<Msisdn>("254722000000");
        assert_read::<ConversationId>("AG_20150424_0000626ec4aeb2ca2256");
        assert_read::<Receipt>("LHG31AA5TX");
    }
}
