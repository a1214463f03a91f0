//! How a conversation ended. There is a record of it even where no transaction came about. One conversation
//! ends once: its outcome is expected absent by whatever writes it.

use serde::{Deserialize, Serialize};

use super::codes::ResultCode;
use super::evidence::Evidence;
use super::ids::{ConversationId, Receipt, Shortcode};
use super::transaction::{Origin, OriginRef, State, Transaction};
use crate::clock::Timestamp;
use crate::store::{Fields, Key, Read, ReadError, Stored, encode_as};

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The receipt of its transaction; of seven zeros where there is none.
    pub receipt: Receipt,
    /// The command ID.
    pub command: String,
    /// Our name for the conversation.
    pub conversation: ConversationId,
    /// Where it comes from.
    pub origin: Origin,
    /// The organization in whose name it was asked for, if it was found.
    pub initiator_shortcode: Option<Shortcode>,
    /// How it ended when it was decided.
    pub code: ResultCode,
    /// The public text.
    pub description: String,
    /// When it was decided.
    pub decided: Timestamp,
}

impl Outcome {
    /// Where it is kept.
    pub fn key(conversation: &ConversationId) -> Key {
        static OUTCOME: Key = Key::constant(&["outcome"]);
        conversation.under(&OUTCOME)
    }

    /// How a conversation ended, if it did, and the transaction that it came to.
    pub fn read(
        facts: &dyn Read,
        conversation: &ConversationId,
    ) -> Result<Option<(Self, Option<Transaction>)>, ReadError> {
        Self::load(&mut Evidence::new(facts), conversation)
    }

    /// The same, as evidence.
    pub(super) fn load(
        evidence: &mut Evidence<'_>,
        conversation: &ConversationId,
    ) -> Result<Option<(Self, Option<Transaction>)>, ReadError> {
        let Some(kept) = evidence.load::<KeptOutcome>(Self::key(conversation))? else { return Ok(None) };
        let receipt = kept.receipt;
        let transaction = match receipt.is_none() {
            true => None,
            false => evidence.load::<Transaction>(Transaction::key(&receipt))?,
        };
        match kept.told().or_else(|| transaction.as_ref().map(Self::of)) {
            Some(outcome) => Ok(Some((outcome, transaction))),
            None => Err(ReadError(format!("{conversation} ended with {receipt}, which says nothing of it"))),
        }
    }

    /// How the conversation of a transaction ended, as it was decided: what happened to it later is another story.
    fn of(transaction: &Transaction) -> Self {
        let (code, description) = match transaction.state {
            State::Declined => (transaction.code, transaction.reason.as_str()),
            State::Authorized | State::Completed | State::Cancelled | State::Expired => {
                (ResultCode::Success, ResultCode::Success.text())
            }
        };
        Self {
            receipt: transaction.receipt,
            command: transaction.command.clone(),
            conversation: transaction.conversation.clone(),
            origin: transaction.origin.clone(),
            initiator_shortcode: transaction.initiator_shortcode.clone(),
            code,
            description: description.to_owned(),
            decided: transaction.initiated,
        }
    }
}

/// An [`Outcome`] as it is kept. What came to a transaction has its receipt alone here since format 3: the
/// transaction says the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptOutcome {
    receipt: Receipt,
    #[serde(default)]
    command: Option<String>,
    #[serde(default)]
    conversation: Option<ConversationId>,
    #[serde(default)]
    origin: Option<Origin>,
    #[serde(default)]
    initiator_shortcode: Option<Shortcode>,
    #[serde(default)]
    code: Option<ResultCode>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    decided: Option<Timestamp>,
}

impl Stored for KeptOutcome {
    const NAME: &'static str = "the outcome of a conversation";
    const FORMAT: u8 = 3;
    const FIELDS: Fields = Fields::InOrder;
}

impl KeptOutcome {
    /// The outcome, if all of it is here.
    fn told(self) -> Option<Outcome> {
        Some(Outcome {
            receipt: self.receipt,
            command: self.command?,
            conversation: self.conversation?,
            origin: self.origin?,
            initiator_shortcode: self.initiator_shortcode,
            code: self.code?,
            description: self.description?,
            decided: self.decided?,
        })
    }
}

/// What is kept of the outcome of a conversation that came to a transaction.
pub(super) fn kept_of_transaction(receipt: Receipt) -> Vec<u8> {
    encode_as::<KeptOutcome>(&(receipt,))
}

/// The outcome of a conversation that came to none, as it is kept, from parts that are kept elsewhere.
#[derive(Clone, Debug, Serialize)]
#[serde(rename = "KeptOutcome")]
pub(super) struct OutcomeRef<'a> {
    pub receipt: Receipt,
    pub command: &'a str,
    pub conversation: &'a ConversationId,
    pub origin: OriginRef<'a>,
    pub initiator_shortcode: Option<&'a Shortcode>,
    pub code: ResultCode,
    pub description: &'a str,
    pub decided: Timestamp,
}

impl OutcomeRef<'_> {
    /// It, as it is kept.
    pub fn kept(&self) -> Vec<u8> {
        encode_as::<KeptOutcome>(self)
    }
}
