//! What is to be delivered, as its owner's log keeps it. It never changes; how far it is on its way is its
//! [delivery](super::delivery)'s.

use serde::{Deserialize, Serialize};

use super::delivery::DeliveryId;
use crate::clock::Timestamp;
use crate::store::{Fields, Stored};

/// What kind of news a callback brings. A validation is no delivery: it is asked once, at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// GenericAPIResult, to the ResultURL.
    Result,
    /// notifyQueueTimeout, to the QueueTimeoutURL.
    Timeout,
    /// C2BPaymentConfirmationRequest, to the ConfirmationURL.
    Confirmation,
}

impl Kind {
    /// Its name in metrics and in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Timeout => "timeout",
            Self::Confirmation => "confirmation",
        }
    }
}

/// What is to be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// What kind of news it is.
    pub kind: Kind,
    /// The shortcode that it belongs to: its callbacks are numbered without gaps (D8).
    pub owner: String,
    /// The third party whose server is called.
    pub third_party: String,
    /// Where it goes.
    pub url: String,
    /// What [`Wire::render`](super::Wire::render) makes the body of.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
}

/// An entry of an owner's log of callbacks. It never changes. Kept without its fields' names: they keep
/// their places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its delivery.
    pub delivery: DeliveryId,
    /// When it was committed.
    pub created: Timestamp,
    /// What is to be delivered.
    pub callback: Callback,
}

impl Stored for Entry {
    const NAME: &'static str = "callback";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Record, decode, encode};

    /// As format 1 had them, with names; and as they are kept now, each field at its place.
    #[test]
    fn records_with_names_are_still_read_and_those_without_keep_their_places() {
        let (now, url) = (Timestamp::from_seconds(9), "https://pay.example.com/");
        let (kind, owner, third_party) = (Kind::Confirmation, "600000".into(), "acme".into());
        let callback = Callback { kind, owner, third_party, url: url.into(), payload: b"x".to_vec() };
        let entry = Entry { delivery: DeliveryId::from_text("msg_1"), created: now, callback };
        let named = [vec![1], rmp_serde::to_vec_named(&entry).unwrap()].concat();
        let record = Record { version: 1, value: named.into(), captured: Vec::new() };
        assert_eq!(decode::<Entry>(&record), Ok(entry.clone()));

        type Fields<'a> = (&'a str, i64, (&'a str, &'a str, &'a str, &'a str, &'a [u8]));
        let bytes = encode(&entry);
        let fields: Fields<'_> = rmp_serde::from_slice(&bytes[1..]).unwrap();
        let whole = ("msg_1", now.micros(), ("Confirmation", "600000", "acme", url, b"x".as_slice()));
        assert_eq!((bytes[0], fields), (2, whole));
    }
}
