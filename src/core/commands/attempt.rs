//! One attempt at a command: what is kept about it however it ends, and the ways in which it can be
//! refused.

use crate::clock::Timestamp;
use crate::core::Core;
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::evidence::Evidence;
use crate::core::ids::{ConversationId, OperatorId, Shortcode};
use crate::core::report::Report;
use crate::core::transaction::{Alias, AliasRef, OriginRef, Outcome, OutcomeRef, Transaction};
use crate::store::{ReadError, WriteSet, encode_as};

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

/// What is kept about an attempt.
#[derive(Clone, Debug)]
pub(super) struct Attempt<'a> {
    /// The command ID.
    pub command: &'a str,
    /// Our name for the conversation.
    pub conversation: &'a ConversationId,
    /// Where it comes from.
    pub origin: OriginRef<'a>,
    /// The initiator, once its credential was found good.
    pub initiator: Option<OperatorId>,
    /// The initiator's organization, likewise.
    pub initiator_shortcode: Option<Shortcode>,
    /// What goes back with the result.
    pub reference: Vec<(String, String)>,
}

impl Attempt<'_> {
    /// Refuses what was decided before: a conversation ends once, and a third party uses a name for
    /// a conversation once.
    pub fn must_be_new(&self, evidence: &mut Evidence<'_>) -> Result<(), Halt> {
        let ended: Option<Outcome> = evidence.load(Outcome::key(self.conversation))?;
        if ended.is_some() {
            return refuse(ResultCode::Duplicate, format!("{} was decided before", self.conversation));
        }
        let alias: Option<Alias> = self.origin.alias_key().map_or(Ok(None), |key| evidence.load(key))?;
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
        end(write_set, &outcome);
    }
}

/// Keeps how the conversation of a new transaction ended.
pub(super) fn record_transaction(write_set: &mut WriteSet, transaction: &Transaction, report: &Report) {
    let outcome = OutcomeRef {
        receipt: report.receipt,
        command: &transaction.command,
        conversation: &transaction.conversation,
        origin: transaction.origin.as_ref(),
        initiator_shortcode: transaction.initiator_shortcode.as_ref(),
        code: report.code,
        description: &report.description,
        decided: transaction.initiated,
    };
    end(write_set, &outcome);
}

/// A conversation ends once, under all its names.
fn end(write_set: &mut WriteSet, outcome: &OutcomeRef<'_>) {
    let key = Outcome::key(outcome.conversation);
    write_set.expect_absent(key.clone());
    write_set.put(key, encode_as::<Outcome>(outcome));
    if let Some(key) = outcome.origin.alias_key() {
        write_set.expect_absent(key.clone());
        write_set.put(key, encode_as::<Alias>(&AliasRef { conversation: outcome.conversation }));
    }
}
