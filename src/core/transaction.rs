//! The record of a transaction, and the ways to it from the names that others gave its conversation.

use serde::{Deserialize, Serialize};

use super::accounts::Account;
use super::codes::ResultCode;
use super::ids::{ConversationId, OperatorId, Receipt, Shortcode};
use super::money::Amount;
use crate::clock::Timestamp;
use crate::store::{Fields, Key, Stored, Vacant};

/// Where a transaction is in its life (domain.md 5). The states between acceptance and decision
/// belong to the request, which the broker keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// The payer's funds are reserved.
    Authorized,
    /// The money has moved.
    Completed,
    /// The reserved funds went back, because the payee said no.
    Cancelled,
    /// A rule forbade it; nothing ever moved.
    Declined,
    /// The reserved funds went back, because nobody settled the payment in time.
    Expired,
}

impl State {
    /// As in `TransactionStatus`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorized => "Authorized",
            Self::Completed => "Completed",
            Self::Cancelled => "Cancelled",
            Self::Declined => "Declined",
            Self::Expired => "Expired",
        }
    }
}

/// Where a transaction comes from; names the record that keeps it from being made twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A third party's command.
    ThirdParty {
        /// The third party.
        name: String,
        /// Its own name for the conversation.
        originator_conversation: String,
    },
    /// A subscriber's phone.
    Handset {
        /// The gateway.
        gateway: String,
        /// The gateway's name for the payment.
        session: String,
    },
    /// The provider itself.
    Provider,
}

/// A [`Origin`] that is only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename = "Origin")]
pub(super) enum OriginRef<'a> {
    ThirdParty { name: &'a str, originator_conversation: &'a str },
    Handset { gateway: &'a str, session: &'a str },
    Provider,
}

/// One party of a transaction, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The account that is debited or credited.
    pub account: Account,
    /// The holder's name.
    pub name: String,
}

impl Side {
    /// `603094 - Safaricom3117`, as in `ReceiverPartyPublicName`.
    pub fn public_name(&self) -> String {
        format!("{} - {}", self.account.holder, self.name)
    }
}

/// A charge of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// What for, e.g. `Fee For B2C Payment`.
    pub label: String,
    /// The account that bears it.
    pub account: Account,
    /// How much; never zero.
    pub amount: Amount,
}

/// A transaction, from its authorization to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// What people know it by.
    pub receipt: Receipt,
    /// The command ID.
    pub command: String,
    /// Where it is in its life.
    pub state: State,
    /// How it ended, or success while it is under way.
    pub code: ResultCode,
    /// Why it ended otherwise than completed; empty otherwise.
    pub reason: String,
    /// Our name for the conversation.
    pub conversation: ConversationId,
    /// Where it comes from.
    pub origin: Origin,
    /// Who asked for it, on the channels that have operators.
    pub initiator: Option<OperatorId>,
    /// The initiator's organization.
    pub initiator_shortcode: Option<Shortcode>,
    /// Who pays.
    pub debit: Side,
    /// Who is paid.
    pub credit: Side,
    /// How much, without charges.
    pub amount: Amount,
    /// The charges.
    pub charges: Vec<Charge>,
    /// What the payer wants credited with the payee.
    pub account_reference: Option<String>,
    /// The payee's own name for it, if validation gave one.
    pub third_party_trans_id: Option<String>,
    /// When it began.
    pub initiated: Timestamp,
    /// When it ended.
    pub finalized: Option<Timestamp>,
    /// When its reservation runs out, while it is authorized.
    pub expires: Option<Timestamp>,
    /// Where the entries were, which are in the statements of their accounts alone since format 3.
    pub entries: Vacant,
    /// The payment that it gives back, if it is a reversal.
    #[serde(default)]
    pub reverses: Option<Receipt>,
    /// The reversal by which it was given back (L7).
    #[serde(default)]
    pub reversed_by: Option<Receipt>,
}

impl Stored for Transaction {
    const NAME: &'static str = "a transaction";
    const FORMAT: u8 = 3;
    const FIELDS: Fields = Fields::InOrder;
}

impl Transaction {
    /// Whether this organization may see it: it paid, was paid, or asked for it (S1).
    pub fn concerns(&self, shortcode: &Shortcode) -> bool {
        [&self.debit, &self.credit].iter().any(|side| side.account.holder.shortcode() == Some(shortcode))
            || self.initiator_shortcode.as_ref() == Some(shortcode)
    }

    /// Where it is kept.
    pub fn key(receipt: &Receipt) -> Key {
        static TRANSACTION: Key = Key::constant(&["transaction"]);
        receipt.under(&TRANSACTION)
    }
}

/// The way from somebody else's name for a conversation to ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Our name.
    pub conversation: ConversationId,
}

/// An [`Alias`] as it is written.
#[derive(Clone, Debug, Serialize)]
#[serde(rename = "Alias")]
pub(super) struct AliasRef<'a> {
    pub conversation: &'a ConversationId,
}

impl Stored for Alias {
    const NAME: &'static str = "another name of a conversation";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

impl Origin {
    /// It, to be looked at.
    pub(super) fn as_ref(&self) -> OriginRef<'_> {
        match self {
            Self::ThirdParty { name, originator_conversation } => {
                OriginRef::ThirdParty { name, originator_conversation }
            }
            Self::Handset { gateway, session } => OriginRef::Handset { gateway, session },
            Self::Provider => OriginRef::Provider,
        }
    }
}

impl OriginRef<'_> {
    /// It, to be kept.
    pub fn to_owned(self) -> Origin {
        match self {
            Self::ThirdParty { name, originator_conversation } => Origin::ThirdParty {
                name: name.to_owned(),
                originator_conversation: originator_conversation.to_owned(),
            },
            Self::Handset { gateway, session } => {
                Origin::Handset { gateway: gateway.to_owned(), session: session.to_owned() }
            }
            Self::Provider => Origin::Provider,
        }
    }

    /// Where our name for it can be found; none if nobody else has one.
    pub fn alias_key(self) -> Option<Key> {
        match self {
            Self::ThirdParty { name, originator_conversation } => {
                static ORIGINATOR: Key = Key::constant(&["originator"]);
                Some(ORIGINATOR.clone().text(name).text(originator_conversation))
            }
            Self::Handset { gateway, session } => {
                static SESSION: Key = Key::constant(&["session"]);
                Some(SESSION.clone().text(gateway).text(session))
            }
            Self::Provider => None,
        }
    }
}
