//! Requests that were accepted: kept durably from the answer `0` until the core has decided, and
//! afterwards as the memory of what was answered (design.md 2, steps 8 and 9).

use serde::{Deserialize, Serialize};

use crate::access::Sealed;
use crate::callbacks::DeliveryId;
use crate::clock::Timestamp;
use crate::core::{ConversationId, Order, Shortcode};
use crate::store::{Fields, Key, KeyRange, Stored};

/// A request that got the answer `0`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Accepted {
    /// What the core is to do.
    pub order: Order,
    /// The organization whose operator proved to be the initiator; none if nobody's did, or the
    /// provider's.
    #[serde(default)]
    pub organization: Option<Shortcode>,
    /// Why the initiator's credential was refused; none if it was verified. It is checked before
    /// acceptance, so that no credential is ever written down.
    pub credential_refused: Option<String>,
    /// Where the result goes, if anywhere.
    pub result_url: Option<String>,
    /// Where the notice goes if the request expires, if anywhere.
    pub timeout_url: Option<String>,
    /// The envelope without its header, for that notice; gone once decided. Sealed, since it holds a
    /// SecurityCredential (S5).
    pub original: Option<Sealed>,
    /// The delivery of its result or notice.
    pub delivery: DeliveryId,
    /// When it is too late to execute it.
    pub expires: Timestamp,
    /// How it stands.
    pub state: AcceptedState,
}

/// An accepted request as it stands in the store.
pub(super) struct Standing {
    pub accepted: Accepted,
    /// The version of its record, on which a decision about it rests.
    pub version: u64,
}

impl Stored for Accepted {
    const NAME: &'static str = "an accepted request";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

/// How an accepted request stands. It leaves `Waiting` once, and then
/// perhaps `AwaitingApproval`, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum AcceptedState {
    /// It waits for the core.
    Waiting,
    /// The core has decided.
    Decided {
        /// The result code.
        code: String,
        /// The receipt.
        receipt: String,
        /// The exact reason, for the owner and the provider's operators.
        reason: String,
    },
    /// It waited too long, was cancelled, and its sender notified (D4).
    Expired,
    /// Everything is in order, and the provider's approval is waited for.
    AwaitingApproval,
}

/// That a third party used an OriginatorConversationID, and for what (L6).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Used {
    /// The conversation that it began.
    pub conversation: ConversationId,
    /// Of the payload; see [`super::fingerprint`].
    #[serde(with = "serde_bytes")]
    pub fingerprint: Vec<u8>,
    /// Whether the core was away, and the answer said so.
    #[serde(default)]
    pub cached: bool,
}

impl Stored for Used {
    const NAME: &'static str = "a used OriginatorConversationID";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

/// The accepted request of a conversation.
pub(super) fn accepted_key(conversation: &ConversationId) -> Key {
    Key::of("request").text(conversation.as_str())
}

/// The use of an OriginatorConversationID by a third party.
pub(super) fn used_key(third_party: &str, originator_conversation: &str) -> Key {
    Key::of("used").text(third_party).text(originator_conversation)
}

/// The mark that a conversation's request waits for the core.
pub(super) fn waiting_key(conversation: &ConversationId) -> Key {
    Key::of("waiting").text(conversation.as_str())
}

/// The marks of all requests that wait.
pub(super) fn waiting_range() -> KeyRange {
    Key::of("waiting").subtree()
}

/// The place of a conversation's sealed original, which its seal is bound to.
pub(super) fn original_place(conversation: &str) -> String {
    format!("request/{conversation}")
}
