//! What the core is asked to do: third parties' orders and subscribers' payments, as the wire had
//! them. Nothing in here is trusted or even well formed until the core has looked at it.

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::ids::ConversationId;
use crate::clock::Timestamp;

/// One command of a third party, as accepted. The broker keeps it with the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The channel that it came by.
    pub channel: Channel,
    /// The command ID.
    pub command: String,
    /// Our name for the conversation.
    pub conversation: ConversationId,
    /// The third party's name for it.
    pub originator_conversation: String,
    /// The name of the third party that sent it.
    pub third_party: String,
    /// Who asks for it.
    pub initiator: Option<Initiator>,
    /// Whose business it is: the debit party of a transaction.
    pub primary: Option<Party>,
    /// The other party: the credit party of a transaction.
    pub receiver: Option<Party>,
    /// The command's parameters, keys and values trimmed.
    pub parameters: Vec<(String, String)>,
    /// The reference data, which come back with the result.
    pub reference: Vec<(String, String)>,
    /// A remark of the sender's.
    pub remark: Option<String>,
    /// When it was received.
    pub received: Timestamp,
}

impl Order {
    /// The value of a parameter; none if it is absent or empty.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        let value = self.parameters.iter().find(|(other, _)| other == key).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }
}

/// The operator in whose name a command comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initiator {
    /// What kind of identifier follows (protocol.md 1.4).
    pub identifier_type: u32,
    /// The user name or operator id.
    pub identifier: String,
    /// The organization of the operator.
    pub short_code: Option<String>,
}

/// One party of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// What kind of identifier follows (protocol.md 1.4).
    pub identifier_type: u32,
    /// The phone number, shortcode or other identifier.
    pub identifier: String,
    /// Only for tills and operators; often holds anything at all, so it is not looked at.
    pub short_code: Option<String>,
}

/// A payment as the handset side submits it: of a subscriber, or of an agent to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerPayment {
    /// The command ID, e.g. `CustomerPayBillOnline`.
    pub command: String,
    /// Our name for the conversation.
    pub conversation: ConversationId,
    /// The gateway that submits it.
    pub gateway: String,
    /// The gateway's name for it, unique per gateway.
    pub session: String,
    /// Who pays.
    pub payer: HandsetParty,
    /// Who is paid.
    pub payee: HandsetParty,
    /// What the payer wants credited with the payee: the account number of a paybill.
    pub account_reference: Option<String>,
    /// How much.
    pub amount: String,
    /// When it was received.
    pub received: Timestamp,
}

/// Who pays or is paid, as the handset side names it. Which of the two it must be is a rule of the
/// service: a shortcode of nine digits could be read as a phone number, and would be another's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandsetParty {
    /// A subscriber, by the phone number.
    Msisdn(String),
    /// An organization, by the shortcode.
    Shortcode(String),
}

impl HandsetParty {
    /// What it is named by.
    pub fn identifier(&self) -> &str {
        match self {
            Self::Msisdn(identifier) | Self::Shortcode(identifier) => identifier,
        }
    }
}

/// What became of the check of the initiator's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// It is the operator's.
    Verified,
    /// It is not, or may not be used; the exact reason is for the log of the owning organization.
    Refused(String),
}

/// Why reserved funds go back to the payer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// The payee's validation said no, with this code and text.
    Refused {
        /// The payee's result code.
        code: String,
        /// The payee's words.
        description: String,
    },
    /// The payee could not be asked in time and had registered `Cancelled` for that.
    Unreachable,
    /// The payee's organization was closed meanwhile.
    PayeeClosed,
    /// Nobody settled the payment before its reservation ran out.
    Expired,
}
