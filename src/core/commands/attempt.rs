//! One attempt at a command: what is kept about it however it ends, and the ways in which it can be
//! refused.

use crate::clock::Timestamp;
use crate::core::Core;
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::evidence::Evidence;
use crate::core::ids::{ConversationId, OperatorId, Shortcode};
use crate::core::outcome::{KeptOutcome, Outcome, OutcomeRef, kept_of_transaction};
use crate::core::report::Report;
use crate::core::transaction::{Alias, AliasRef, OriginRef, Transaction};
use crate::store::{Key, ReadError, WriteSet, encode_as};

/// Why a command goes no further.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The public code.
    pub code: ResultCode,
    /// The public text.
    pub description: String,
    /// The exact reason, for logs only.
    pub reason: String,
}

impl Refusal {
    /// A refusal with the usual text of its code.
    pub fn new(code: ResultCode, reason: impl Into<String>) -> Self {
        Self { code, description: code.text().to_owned(), reason: reason.into() }
    }
}

/// Why there is no decision on the straight way.
#[derive(Debug)]
pub(super) enum Halt {
    /// A rule said no.
    Refused(Refusal),
    /// The store could not be read.
    Read(ReadError),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ReadError> for Halt {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// A halt with this code and the exact reason.
pub(super) fn refuse<T>(code: ResultCode, reason: impl Into<String>) -> Result<T, Halt> {
    Err(Refusal::new(code, reason).into())
}

/// Where a conversation is found under its names.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Under ours: how it ended.
    pub outcome: Key,
    /// Under somebody else's, if anybody else has one: the way to ours.
    pub alias: Option<Key>,
}

impl Names {
    /// Those of this conversation.
    pub fn of(conversation: &ConversationId, origin: OriginRef<'_>) -> Self {
        Self { outcome: Outcome::key(conversation), alias: origin.alias_key() }
    }

    /// Those of the conversation of a transaction.
    pub fn of_transaction(transaction: &Transaction) -> Self {
        Self::of(&transaction.conversation, transaction.origin.as_ref())
    }

    /// A conversation ends once, under all its names: what is kept of its end.
    pub fn end(&self, write_set: &mut WriteSet, conversation: &ConversationId, outcome: Vec<u8>) {
        write_set.expect_absent(self.outcome.clone());
        write_set.put(self.outcome.clone(), outcome);
        if let Some(key) = &self.alias {
            write_set.expect_absent(key.clone());
            write_set.put(key.clone(), encode_as::<Alias>(&AliasRef { conversation }));
        }
    }
}

/// What is kept about an attempt.
#[derive(Clone, Debug)]
pub(super) struct Attempt<'a> {
    /// The command ID.
    pub command: &'a str,
    /// Our name for the conversation.
    pub conversation: &'a ConversationId,
    /// Where it comes from.
    pub origin: OriginRef<'a>,
    /// Where the conversation is found.
    pub names: Names,
    /// The initiator, once its credential was found good.
    pub initiator: Option<OperatorId>,
    /// The initiator's organization, likewise.
    pub initiator_shortcode: Option<Shortcode>,
    /// What goes back with the result.
    pub reference: Vec<(String, String)>,
}

impl<'a> Attempt<'a> {
    /// An attempt of which no more is known yet than what it says itself.
    pub fn new(command: &'a str, conversation: &'a ConversationId, origin: OriginRef<'a>) -> Self {
        let names = Names::of(conversation, origin);
        let (initiator, initiator_shortcode, reference) = (None, None, Vec::new());
        Self { command, conversation, origin, names, initiator, initiator_shortcode, reference }
    }

    /// Refuses what was decided before: a conversation ends once, and a third party uses a name for
    /// a conversation once.
    pub fn must_be_new(&self, evidence: &mut Evidence<'_>) -> Result<(), Halt> {
        let ended: Option<KeptOutcome> = evidence.load(self.names.outcome.clone())?;
        if ended.is_some() {
            return refuse(ResultCode::Duplicate, format!("{} was decided before", self.conversation));
        }
        let alias: Option<Alias> = self.names.alias.clone().map_or(Ok(None), |key| evidence.load(key))?;
        match alias {
            Some(other) => refuse(ResultCode::Duplicate, format!("{} was about the same", other.conversation)),
            None => Ok(()),
        }
    }

    /// The decision to do nothing. Where money was to move it is kept on record, for status queries.
    pub fn refused(&self, core: &Core, refusal: Refusal, now: Timestamp, on_record: bool) -> Decision {
        let report = Report {
            description: refusal.description,
            reference: self.reference.clone(),
            ..Report::new(refusal.code, core.no_receipt(now))
        };
        let mut write_set = WriteSet::new();
        // What is refused as a duplicate has its record already.
        if on_record && refusal.code != ResultCode::Duplicate {
            self.record(&mut write_set, &report, now);
        }
        Decision::without_money(report, write_set, refusal.reason)
    }

    /// Keeps how this conversation ended, and the other names by which it can be found.
    fn record(&self, write_set: &mut WriteSet, report: &Report, now: Timestamp) {
        let outcome = OutcomeRef {
            receipt: report.receipt,
            command: self.command,
            conversation: self.conversation,
            origin: self.origin,
            initiator_shortcode: self.initiator_shortcode.as_ref(),
            code: report.code,
            description: &report.description,
            decided: now,
        };
        self.names.end(write_set, self.conversation, outcome.kept());
    }
}

/// Keeps how the conversation of a new transaction ended.
pub(super) fn record_transaction(write_set: &mut WriteSet, transaction: &Transaction, names: &Names) {
    names.end(write_set, &transaction.conversation, kept_of_transaction(transaction.receipt));
}
