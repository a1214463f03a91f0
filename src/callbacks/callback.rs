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
